//! Answers about a copy of the network that another worker trains, whose own worker this one is.

use super::{Answer, Session, first, plain, words};
use crate::protocol::Stage;
use crate::replica::{self, Replicated};
use crate::training::Failure;
use serde_json::json;

impl Session {
    pub(super) fn replicate(&self, stage: Stage, settings: &str) -> Answer {
        let replica = Replicated::new(stage, settings, &self.selected()?.device)?;
        self.replica.replace(Some(replica));
        plain(json!({}))
    }

    pub(super) fn take_weights(&self, buffers: Vec<Vec<u8>>) -> Answer {
        self.replicated(|replica| replica.take(&first(buffers)))?;
        plain(json!({}))
    }

    pub(super) async fn forward(&self, tracked: bool, buffers: Vec<Vec<u8>>) -> Answer {
        let outputs = self.replicated(|replica| Ok(replica.forward(&first(buffers), tracked)))?;
        Ok((json!({}), vec![replica::bytes(outputs).await?]))
    }

    pub(super) async fn backward(&self, buffers: Vec<Vec<u8>>) -> Answer {
        let found = self.replicated(|replica| replica.backward(&first(buffers)))?;
        let (parameters, values) = replica::gradients(found).await?;
        Ok((json!({ "parameters": parameters }), vec![values]))
    }

    fn replicated<T>(
        &self,
        ask: impl FnOnce(&mut Replicated) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut replica = self.replica.borrow_mut();
        ask(replica
            .as_mut()
            .ok_or_else(|| words("there is no copy of a network"))?)
    }
}
