//! Networks that take several windows at once.

use super::*;
use std::cell::Cell;
use std::task::Poll;

/// Takes several windows at once, and is ready with each of them later than it was asked.
struct Several<'a> {
    inner: DeviceNetwork<'a>,
    at_once: usize,
    /// Windows under way, and the most there were.
    under_way: Cell<usize>,
    most: Cell<usize>,
}

impl WindowNetwork for Several<'_> {
    fn classes(&self) -> usize {
        self.inner.classes()
    }

    fn at_once(&self) -> usize {
        self.at_once
    }

    fn logits(
        &self,
        input: Vec<f32>,
        settings: &SlidingWindow,
    ) -> impl Future<Output = Result<Vec<f32>, InferError>> {
        self.under_way.set(self.under_way.get() + 1);
        self.most.set(self.most.get().max(self.under_way.get()));
        async move {
            let mut waited = false;
            std::future::poll_fn(|context| {
                if std::mem::replace(&mut waited, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            self.under_way.set(self.under_way.get() - 1);
            self.inner.logits(input, settings).await
        }
    }
}

#[test]
fn however_many_windows_are_under_way_the_prediction_is_the_same() {
    let (network, device) = (network(), Device::flex());
    let inner = DeviceNetwork {
        network: &network,
        device: &device,
    };
    // Deep enough that planes are handed on while windows behind them are under way, and with air in front.
    let (shape, plane) = ([72, 8, 8], 64);
    let image: Vec<f32> = (0..72 * plane)
        .map(|i| match i < 20 * plane {
            true => 0.0,
            false => (i * 37 % 101) as f32 / 100.0,
        })
        .collect();
    let expected = logits(&network, &image, shape, settings());
    let windows = WindowPlan::new(shape, SHAPE, settings().overlap).unwrap();
    for at_once in [1, 2, 3, windows.count() + 1] {
        let several = Several {
            inner,
            at_once,
            under_way: Cell::new(0),
            most: Cell::new(0),
        };
        let mut told = Vec::new();
        let mut go_on = |done, of| {
            told.push(done);
            assert_eq!(of, windows.count());
            ControlFlow::Continue(())
        };
        let found = put_through(&several, &image, shape, settings(), &mut go_on).unwrap();
        assert_eq!(found, expected, "{at_once} at once");
        assert!(several.most.get() <= at_once, "{at_once} at once");
        assert!(several.most.get() >= at_once.min(4), "{at_once} at once");
        assert!(told.is_sorted() && told[0] == 0, "{told:?}");
        assert_eq!(told.last(), Some(&(windows.count() - 1)), "{told:?}");
    }
}

#[test]
fn windows_under_way_can_be_stopped_after_the_last_was_begun() {
    let (network, device) = (network(), Device::flex());
    let several = Several {
        inner: DeviceNetwork {
            network: &network,
            device: &device,
        },
        at_once: 9,
        under_way: Cell::new(0),
        most: Cell::new(0),
    };
    let image = [1.0; 24 * 64];
    let mut stop_at_the_second = |done, _| match done {
        0 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    };
    let found = put_through(
        &several,
        &image,
        [24, 8, 8],
        settings(),
        &mut stop_at_the_second,
    );
    assert!(matches!(found, Err(InferError::Stopped)), "{found:?}");
    assert_eq!(several.most.get(), 2);
}
