use std::time::Duration;

use raftwire_protocol::NodeId;
use raftwire_protocol::limits::{CLUSTER_NAME_BYTES_MAX, REFUSAL_TEXT_BYTES_MAX};

use super::VersionRange;

/// Why a hello did not succeed. Its text says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The peer belongs to another cluster.
    #[error(
        "the peer belongs to the cluster `{theirs}`, this node to `{ours}`: give both the same \
         `cluster_name`, or correct the address"
    )]
    ClusterName {
        /// The name of this node's cluster.
        ours: String,
        /// The name of the peer's, made fit for a log.
        theirs: String,
    },
    /// There is no protocol version that both speak.
    #[error(
        "the peer speaks protocol version {theirs}, this node {ours}: upgrade the older node, by way of a \
         release that speaks both if there is one"
    )]
    Version {
        /// This node's versions.
        ours: VersionRange,
        /// The peer's.
        theirs: VersionRange,
    },
    /// The secrets do not match.
    #[error("{0}: give all nodes of the cluster the same `secret`")]
    Secret(SecretMismatch),
    /// The address leads back to this node.
    #[error("this address leads to this node itself: nothing to do, a node may list itself")]
    OwnSession,
    /// Another node is at the place where one was expected.
    #[error(
        "`{claimed}` is where `{expected}` was expected: correct the address, or the `node_id` of that node"
    )]
    NodeIdMismatch {
        /// Who was expected.
        expected: NodeId,
        /// Who the peer says it is.
        claimed: NodeId,
    },
    /// Another process with the same node id, and another data folder, belongs to the cluster.
    #[error(
        "the node id `{node}` is taken{}: give each node a `node_id` of its own, or stop the other and wait \
         until its lease has ended", since.map_or(String::new(), |since| format!(" since {since:.0?}"))
    )]
    DuplicateNodeId {
        /// The node id.
        node: NodeId,
        /// For how long the other process has been known, if it is.
        since: Option<Duration>,
    },
    /// A newer process of the same node has taken its place.
    #[error("a newer process of this node has taken its place: stop the older one")]
    Superseded,
    /// The peer sent what no hello contains.
    #[error(
        "the peer's hello is malformed, {0}: see whether it is a Raftwire node, and of which version"
    )]
    Malformed(&'static str),
    /// The two ends of the channel are not the two ends of one TLS session.
    #[error(
        "relayed or intercepted TLS: the peer's end of the TLS session is not this node's. Let TLS end at the nodes \
         themselves; if a proxy is to end it, give both nodes `ws://` addresses of the proxy's plain side"
    )]
    ChannelBinding,
    /// One of the two needs packets to be protected in a way that the other does not know.
    #[error(
        "the packets on this channel must be protected in a way that one of the two nodes does not know: \
         upgrade the older one"
    )]
    Protection,
    /// The peer did not prove who it is in time.
    #[error(
        "the peer did not complete its hello within {} s: see whether it runs, and whether its network \
         answers", super::HANDSHAKE_TIMEOUT.as_secs()
    )]
    Timeout,
    /// The peer refused this node, for a reason in its own words.
    #[error("the peer says: {text}")]
    Told {
        /// The reason's code.
        code: RefusalCode,
        /// Its words, cut and made fit for a log.
        text: String,
    },
}

/// How the secrets of two nodes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretMismatch {
    /// Only the peer has one.
    #[error("the peer has a secret and this node has none")]
    OursMissing,
    /// Only this node has one.
    #[error("this node has a secret and the peer has none")]
    TheirsMissing,
    /// Both have one, and the peer's proof is wrong.
    #[error("the secret of the peer is another one")]
    WrongProof,
}

/// The kind of a [`RefusalReason`], as a number that stays the same in all versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalCode {
    /// [`RefusalReason::ClusterName`]
    ClusterName,
    /// [`RefusalReason::Version`]
    Version,
    /// [`RefusalReason::Secret`]
    Secret,
    /// [`RefusalReason::OwnSession`]
    OwnSession,
    /// [`RefusalReason::NodeIdMismatch`]
    NodeIdMismatch,
    /// [`RefusalReason::DuplicateNodeId`]
    DuplicateNodeId,
    /// [`RefusalReason::Superseded`]
    Superseded,
    /// [`RefusalReason::Malformed`]
    Malformed,
    /// [`RefusalReason::Timeout`]
    Timeout,
    /// [`RefusalReason::ChannelBinding`]
    ChannelBinding,
    /// [`RefusalReason::Protection`]
    Protection,
    /// A later version's.
    Other(u32),
}

const NUMBERS: [(RefusalCode, u32); 11] = [
    (RefusalCode::ClusterName, 1),
    (RefusalCode::Version, 2),
    (RefusalCode::Secret, 3),
    (RefusalCode::OwnSession, 4),
    (RefusalCode::NodeIdMismatch, 5),
    (RefusalCode::DuplicateNodeId, 6),
    (RefusalCode::Superseded, 7),
    (RefusalCode::Malformed, 8),
    (RefusalCode::Timeout, 9),
    (RefusalCode::ChannelBinding, 10),
    (RefusalCode::Protection, 11),
];

impl RefusalCode {
    /// The code on the wire.
    pub fn number(self) -> u32 {
        match self {
            RefusalCode::Other(number) => number,
            known => NUMBERS
                .iter()
                .find(|(code, _)| *code == known)
                .map_or(0, |entry| entry.1),
        }
    }

    /// The code of a number from the wire.
    pub fn from_number(number: u32) -> RefusalCode {
        let entry = NUMBERS.iter().find(|entry| entry.1 == number);
        entry.map_or(RefusalCode::Other(number), |entry| entry.0)
    }
}

impl RefusalReason {
    /// The kind of the reason; both ends of a channel report the same.
    pub fn code(&self) -> RefusalCode {
        match self {
            RefusalReason::ClusterName { .. } => RefusalCode::ClusterName,
            RefusalReason::Version { .. } => RefusalCode::Version,
            RefusalReason::Secret(_) => RefusalCode::Secret,
            RefusalReason::OwnSession => RefusalCode::OwnSession,
            RefusalReason::NodeIdMismatch { .. } => RefusalCode::NodeIdMismatch,
            RefusalReason::DuplicateNodeId { .. } => RefusalCode::DuplicateNodeId,
            RefusalReason::Superseded => RefusalCode::Superseded,
            RefusalReason::Malformed(_) => RefusalCode::Malformed,
            RefusalReason::Timeout => RefusalCode::Timeout,
            RefusalReason::ChannelBinding => RefusalCode::ChannelBinding,
            RefusalReason::Protection => RefusalCode::Protection,
            RefusalReason::Told { code, .. } => *code,
        }
    }

    pub(super) fn cluster_name(ours: &str, theirs: &str) -> RefusalReason {
        RefusalReason::ClusterName {
            ours: ours.to_owned(),
            theirs: fit_for_log(theirs, CLUSTER_NAME_BYTES_MAX),
        }
    }

    pub(super) fn told(code: u32, text: &str) -> RefusalReason {
        RefusalReason::Told {
            code: RefusalCode::from_number(code),
            text: fit_for_log(text, REFUSAL_TEXT_BYTES_MAX),
        }
    }

    /// The reason in words, no longer than a refusal may carry.
    pub(super) fn words(&self) -> String {
        fit_for_log(&self.to_string(), REFUSAL_TEXT_BYTES_MAX)
    }
}

/// At most `bytes_max` bytes of a stranger's text: letters, digits, spaces and ASCII's signs; all
/// else, which could break a line, colour a terminal or turn the direction of writing, as `?`.
fn fit_for_log(text: &str, bytes_max: usize) -> String {
    let mut fit = String::with_capacity(text.len().min(bytes_max));
    for character in text.chars() {
        let harmless = character.is_alphanumeric() || matches!(character, ' '..='~');
        let character = if harmless { character } else { '?' };
        if fit.len() + character.len_utf8() > bytes_max {
            break;
        }
        fit.push(character);
    }
    fit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_codes_are_pinned() {
        for (code, number) in NUMBERS {
            assert_eq!(code.number(), number);
            assert_eq!(RefusalCode::from_number(number), code);
        }
        for number in [0, 12, u32::MAX] {
            assert_eq!(RefusalCode::from_number(number), RefusalCode::Other(number));
            assert_eq!(RefusalCode::Other(number).number(), number);
        }
    }

    #[test]
    fn a_strangers_text_is_cut_and_made_harmless() {
        assert_eq!(
            fit_for_log("a\nb\u{1b}[31mc\u{202e}d grün", 64),
            "a?b?[31mc?d grün"
        );
        assert_eq!(fit_for_log("aäb", 2), "a");
        let RefusalReason::Told { text, .. } = RefusalReason::told(1, &"x".repeat(100_000)) else {
            panic!("told")
        };
        assert_eq!(text.len(), REFUSAL_TEXT_BYTES_MAX);
    }

    #[test]
    fn a_taken_node_id_says_since_when() {
        let node: NodeId = "node1".parse().expect("allowed");
        let reason = |since| RefusalReason::DuplicateNodeId {
            node: node.clone(),
            since,
        };
        let text = reason(Some(Duration::from_millis(90_400))).to_string();
        assert!(
            text.starts_with("the node id `node1` is taken since 90s: "),
            "{text}"
        );
        assert!(
            reason(None)
                .to_string()
                .starts_with("the node id `node1` is taken: ")
        );
    }
}
