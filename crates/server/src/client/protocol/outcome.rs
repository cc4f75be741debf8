use std::borrow::Cow;
use std::fmt::Display;

use raftwire::RouteOutcome;
use serde::{Deserialize, Serialize};

/// What became of a routed message, as clients and callers of the HTTP API read it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The outcome's name.
    pub outcome: Cow<'static, str>,
    /// `yes`, `no` or `unknown`.
    pub happened: Cow<'static, str>,
    /// The node that the outcome is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The log index of that node's death.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The queue that is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The limit that the message exceeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_bytes: Option<usize>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Outcome {
    /// A message that this node refused before routing it.
    pub fn refused(reason: impl Display) -> Outcome {
        Outcome {
            reason: Some(reason.to_string()),
            ..Outcome::from(&RouteOutcome::Refused)
        }
    }
}

impl From<&RouteOutcome> for Outcome {
    fn from(outcome: &RouteOutcome) -> Outcome {
        let mut told = Outcome {
            outcome: outcome.name().into(),
            happened: outcome.happened().as_str().into(),
            ..Outcome::default()
        };
        match outcome {
            RouteOutcome::NodeDown { node } => told.node = Some(node.to_string()),
            RouteOutcome::NodeLost { node, index } => {
                told.node = Some(node.to_string());
                told.index = Some(*index);
            }
            RouteOutcome::Busy { queue } => told.queue = Some(queue.as_str().to_owned()),
            RouteOutcome::TooLarge { limit_bytes } => told.limit_bytes = *limit_bytes,
            _ => {}
        }
        told
    }
}
