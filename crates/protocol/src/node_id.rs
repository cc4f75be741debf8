use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::limits::NODE_ID_BYTES_MAX;

/// The operator's name for a node: 1 to 64 of `A-Z a-z 0-9 . _ -`.
///
/// It is unique in the cluster and outlives the process; [`Session`](crate::Session) names one run
/// of it. Cloning shares the text.
///
/// # Examples
///
/// ```
/// use raftwire_protocol::NodeId;
///
/// let node: NodeId = "node-1.example".parse()?;
/// assert_eq!(node.as_str(), "node-1.example");
/// assert!("node 1".parse::<NodeId>().is_err());
/// # Ok::<(), raftwire_protocol::InvalidNodeId>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// Checks `text` and makes it an id.
    ///
    /// # Errors
    ///
    /// Says which rule `text` breaks.
    pub fn new(text: &str) -> Result<NodeId, InvalidNodeId> {
        if text.is_empty() {
            return Err(InvalidNodeId::Empty);
        }
        // The length first: everything below may then look at all of it.
        if text.len() > NODE_ID_BYTES_MAX {
            return Err(InvalidNodeId::TooLong { bytes: text.len() });
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        match text.chars().find(|&c| !allowed(c)) {
            Some(character) => Err(InvalidNodeId::Character { character }),
            None => Ok(NodeId(Arc::from(text))),
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeId {
    type Err = InvalidNodeId;

    fn from_str(text: &str) -> Result<NodeId, InvalidNodeId> {
        NodeId::new(text)
    }
}

impl TryFrom<&str> for NodeId {
    type Error = InvalidNodeId;

    fn try_from(text: &str) -> Result<NodeId, InvalidNodeId> {
        NodeId::new(text)
    }
}

impl TryFrom<String> for NodeId {
    type Error = InvalidNodeId;

    fn try_from(text: String) -> Result<NodeId, InvalidNodeId> {
        NodeId::new(&text)
    }
}

impl AsRef<str> for NodeId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Maps that are keyed by node can be asked with a `&str`.
impl Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not a [`NodeId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidNodeId {
    /// There is no text.
    #[error("a node id is 1 to 64 characters of A-Z a-z 0-9 . _ -; this one is empty")]
    Empty,
    /// It is longer than [`NODE_ID_BYTES_MAX`].
    #[error("a node id is 1 to 64 characters of A-Z a-z 0-9 . _ -; this one has {bytes} bytes")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It has a character that is not allowed.
    #[error("a node id is 1 to 64 characters of A-Z a-z 0-9 . _ -; this one has {character:?}")]
    Character {
        /// The first such character.
        character: char,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_allowed_character_is_taken() {
        let text = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";
        assert_eq!(text.len(), NODE_ID_BYTES_MAX);
        assert_eq!(NodeId::new(text).expect("allowed").as_str(), text);
        assert_eq!(NodeId::new("-").expect("allowed").to_string(), "-");
    }

    #[test]
    fn a_text_that_breaks_a_rule_is_refused_with_that_rule() {
        assert_eq!(NodeId::new(""), Err(InvalidNodeId::Empty));
        assert_eq!(
            NodeId::new(&"a".repeat(65)),
            Err(InvalidNodeId::TooLong { bytes: 65 })
        );
        for (text, character) in [
            ("a b", ' '),
            ("a/b", '/'),
            ("a@b", '@'),
            ("~a", '~'),
            ("ä", 'ä'),
        ] {
            assert_eq!(
                NodeId::new(text),
                Err(InvalidNodeId::Character { character })
            );
        }
    }
}
