//! What the bars show.

use super::*;
use crate::metric::{Bootstrap, Method, compare_methods};
use crate::report::canvas::{fits, mix};
use crate::report::learning::learning_curves;
use crate::report::results::tests::made_up;

#[test]
fn bars_are_as_high_as_their_values() -> Result<(), ReportError> {
    let results = made_up(2);
    let image = draw("Results", "Dice", &results, &[])?;
    assert_eq!(image.width(), 1600);
    // The first bar of each group, counted in pixels of its fill.
    let fill = mix(colour(0), WHITE, 0.45);
    let tall = |x: usize| {
        (0..image.height())
            .filter(|y| image.get(x, *y) == Some(fill))
            .count()
    };
    let heights: Vec<usize> = (0..3)
        .map(|group| {
            let from = 106 + group * 486;
            (from..from + 486).map(tall).max().unwrap_or(0)
        })
        .collect();
    let share = |group: usize| heights[group] as f64 / heights[0] as f64;
    for (group, size) in results.iter().enumerate() {
        let expected = size.methods[0].seeds.mean / results[0].methods[0].seeds.mean;
        assert!((share(group) - expected).abs() < 0.02, "{heights:?}");
    }
    Ok(())
}

#[test]
fn the_mean_stands_below_its_bar_and_nothing_above_it() -> Result<(), ReportError> {
    // All seeds and cases are equal, so that dots and interval lie at the bar's end.
    let method = Method {
        name: "random".to_owned(),
        scores: vec![vec![0.5; 4]; 2],
    };
    let size = compare_methods(6, &[method], &Bootstrap::default()).unwrap();
    let image = draw("", "", &[size], &[])?;
    let fill = mix(colour(0), WHITE, 0.45);
    let of_bar = |y: &usize| image.get(790, *y) == Some(fill);
    let bar: Vec<usize> = (0..image.height()).filter(of_bar).collect();
    let (first, last) = (bar[0], bar[bar.len() - 1]);
    let dark = |rows: std::ops::Range<usize>| {
        let pixels = rows.flat_map(|y| (783..888).map(move |x| (x, y)));
        let colours = pixels.filter_map(|(x, y)| image.get(x, y));
        colours
            .filter(|[r, g, b]| u32::from(*r) + u32::from(*g) + u32::from(*b) < 500)
            .count()
    };
    assert_eq!(dark(142..first - 10), 0);
    assert!(dark(last + 8..last + 34) > 20);
    Ok(())
}

#[test]
fn any_results_can_be_drawn() -> Result<(), ReportError> {
    draw("", "", &[], &[])?;
    let mut odd = made_up(3);
    odd[0].methods.clear();
    odd[1].methods[0].seed_means.clear();
    odd[2].methods[1].seed_means[0] = f64::NAN;
    let plain = draw("", "", &odd, &[])?;
    let panel = learning_curves("Dice", "step", &[]);
    let more = draw("", "", &odd, &[panel.clone(), panel.clone(), panel])?;
    assert_eq!(more.height(), plain.height() + 2 * 560);
    Ok(())
}

#[test]
fn what_is_said_of_a_size_stays_below_its_bars() -> Result<(), ReportError> {
    let mut results = made_up(2);
    results.push(results[0].clone());
    let image = draw("", "", &results, &[])?;
    let (left, width) = (106.0, 1458.0 / 4.0);
    for border in 1..4 {
        let x = (left + f64::from(border) * width) as usize;
        let pixels = (770..image.height()).flat_map(|y| (x - 2..x + 3).map(move |x| (x, y)));
        let inked = pixels.filter(|(x, y)| image.get(*x, *y) != Some(WHITE));
        assert_eq!(
            inked.count(),
            0,
            "between sizes {border} and {}",
            border + 1
        );
    }
    Ok(())
}

#[test]
fn extremes_can_be_drawn() -> Result<(), ReportError> {
    let mut size = made_up(3).remove(0);
    for method in &mut size.methods {
        method.name = "a method of a long name ".repeat(50);
    }
    size.methods[1].interval.low = f64::NAN;
    size.methods[1].seeds.mean = f64::NAN;
    size.methods[2].seeds.mean = f64::MAX;
    let odd = size.methods.clone();
    draw(
        &"long ".repeat(400),
        &"long ".repeat(400),
        std::slice::from_ref(&size),
        &[],
    )?;
    // More bars than columns, and more methods than lines.
    size.methods = (0..60).map(|n| odd[n % 3].clone()).collect();
    let all = vec![size.clone(); 80];
    let image = draw("", "", &all, &[])?;
    assert_eq!(image.width(), 1600);
    // One of everything.
    size.methods.truncate(1);
    size.methods[0].seed_means.truncate(1);
    draw("", "", &[size], &[learning_curves("", "", &[])])?;
    Ok(())
}

#[test]
fn the_largest_picture_is_none_too_large() {
    let rows = MOST.div_ceil(2) as f64;
    let height = HEADER + PANEL.1 + 80.0 + below(usize::MAX) + rows * PANEL.1;
    assert!(fits(2 * PANEL.0 as usize, height as usize));
}
