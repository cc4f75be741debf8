use bytes::Bytes;
use prost::Message;
use raftwire_protocol::limits::{CLUSTER_NAME_BYTES_MAX, HELLO_BODY_BYTES_MAX};
use raftwire_protocol::messages::HelloBody;
use raftwire_protocol::{NodeId, RaftId, Session};

use super::nonce::{NONCE_BYTES, Nonce};
use super::secret_tag::SecretTag;
use super::{
    LocalIdentity, Medium, PeerIdentity, RefusalReason, Role, SecretMismatch, VersionRange,
};
use crate::protection::Protection;

/// Secrets of a peer that are looked at: more than a node has.
const SECRET_TAGS_MAX: usize = 4;

/// A hello of this node.
#[derive(Clone, Debug)]
pub(super) struct OwnHello {
    pub(super) bytes: Bytes,
    pub(super) nonce: Nonce,
}

impl OwnHello {
    pub(super) fn new(local: &LocalIdentity, medium: &Medium, nonce: Nonce) -> OwnHello {
        let binding = medium.binding();
        let body = HelloBody {
            protocol_min: local.versions.min,
            protocol_max: local.versions.max,
            cluster: local.cluster.clone(),
            node: local.node.as_str().to_owned(),
            session: Bytes::copy_from_slice(&local.session.to_bytes()),
            raft_id: local.raft_id.get(),
            role: local.role.number(),
            nonce: Bytes::copy_from_slice(&nonce),
            has_secret: local.secret.is_some(),
            protection: local.demand(medium).number(),
            binding: binding.map_or(Bytes::new(), |binding| Bytes::copy_from_slice(&binding)),
            secret_tags: local
                .secret_tags(&nonce)
                .map(|tag| Bytes::copy_from_slice(&tag))
                .collect(),
        };
        OwnHello {
            bytes: Bytes::from(body.encode_to_vec()),
            nonce,
        }
    }
}

/// A hello that was received: well formed, but nothing in it is proved, or even wanted.
#[derive(Clone, Debug)]
pub(super) struct PeerHello {
    /// As received: fields that this node does not know are part of what is proved.
    pub(super) bytes: Bytes,
    pub(super) nonce: Nonce,
    pub(super) session: Session,
    cluster: String,
    node: NodeId,
    raft_id: RaftId,
    role: u32,
    versions: VersionRange,
    has_secret: bool,
    pub(super) secret_tags: Vec<SecretTag>,
    /// By number: a later version may demand what this one does not know.
    protection: u32,
    binding: Bytes,
}

impl PeerHello {
    /// Reads the hello that a packet from `from` brought.
    pub(super) fn read(from: Session, bytes: Bytes) -> Result<PeerHello, RefusalReason> {
        let malformed = RefusalReason::Malformed;
        if bytes.len() > HELLO_BODY_BYTES_MAX {
            return Err(malformed("it is too long"));
        }
        let body =
            HelloBody::decode(bytes.clone()).map_err(|_| malformed("it cannot be decoded"))?;
        if body.cluster.len() > CLUSTER_NAME_BYTES_MAX {
            return Err(malformed("the name of its cluster is too long"));
        }
        let node = NodeId::new(&body.node).map_err(|_| malformed("its node id is not one"))?;
        let session: [u8; 16] = body.session[..]
            .try_into()
            .map_err(|_| malformed("its session has not 16 bytes"))?;
        let session = Session::from_bytes(session);
        if session.is_none() || session != from {
            return Err(malformed("its session is not that of its packet"));
        }
        let nonce: [u8; NONCE_BYTES] = body.nonce[..]
            .try_into()
            .map_err(|_| malformed("its nonce has not 32 bytes"))?;
        let versions = VersionRange {
            min: body.protocol_min,
            max: body.protocol_max,
        };
        if versions.min > versions.max {
            return Err(malformed("its lowest version is above its highest"));
        }
        Ok(PeerHello {
            bytes,
            nonce,
            session,
            cluster: body.cluster,
            node,
            raft_id: RaftId::new(body.raft_id),
            role: body.role,
            versions,
            has_secret: body.has_secret,
            secret_tags: body
                .secret_tags
                .iter()
                .take(SECRET_TAGS_MAX)
                .filter_map(|tag| tag[..].try_into().ok())
                .collect(),
            protection: body.protection,
            binding: body.binding,
        })
    }

    /// Who the peer is, if this node wants such a peer and if the proof turns out right.
    pub(super) fn check(
        &self,
        local: &LocalIdentity,
        medium: &Medium,
        expected: Option<&NodeId>,
    ) -> Result<PeerIdentity, RefusalReason> {
        // First of all: whoever talks to himself should not be told that his own node id is taken.
        if self.session == local.session {
            return Err(RefusalReason::OwnSession);
        }
        if self.cluster != local.cluster {
            return Err(RefusalReason::cluster_name(&local.cluster, &self.cluster));
        }
        let (ours, theirs) = (local.versions, self.versions);
        let version = ours
            .agree(theirs)
            .ok_or(RefusalReason::Version { ours, theirs })?;
        if let Some(expected) = expected.filter(|expected| **expected != self.node) {
            let (expected, claimed) = (expected.clone(), self.node.clone());
            return Err(RefusalReason::NodeIdMismatch { expected, claimed });
        }
        if self.node == local.node {
            return Err(RefusalReason::DuplicateNodeId {
                node: self.node.clone(),
                since: None,
            });
        }
        match (local.secret.is_some(), self.has_secret) {
            (false, true) => return Err(RefusalReason::Secret(SecretMismatch::OursMissing)),
            (true, false) => return Err(RefusalReason::Secret(SecretMismatch::TheirsMissing)),
            (true, true) | (false, false) => {}
        }
        let binding = medium.binding();
        if self.binding[..] != *binding.as_ref().map_or(&[][..], |binding| &binding[..]) {
            return Err(RefusalReason::ChannelBinding);
        }
        self.protection(local, medium)?;
        let role = Role::from_number(self.role).ok_or(RefusalReason::Malformed(
            "its role is not known in the agreed version",
        ))?;
        Ok(PeerIdentity {
            node: self.node.clone(),
            session: self.session,
            raft_id: self.raft_id,
            role,
            version,
        })
    }
    /// What protects the packets after the hellos: the more of what the two ends demand.
    pub(super) fn protection(
        &self,
        local: &LocalIdentity,
        medium: &Medium,
    ) -> Result<Protection, RefusalReason> {
        let ours = local.demand(medium);
        match (Protection::from_number(self.protection), self.protection) {
            (Some(theirs), _) => Ok(ours.max(theirs)),
            // It knows nothing of protection, and none is needed.
            (None, 0) if ours == Protection::None => Ok(Protection::None),
            (None, _) => Err(RefusalReason::Protection),
        }
    }
}

impl LocalIdentity {
    /// What this end demands of a channel. Without a secret there are no keys.
    fn demand(&self, medium: &Medium) -> Protection {
        match self.secret {
            Some(_) => medium.protection,
            None => Protection::None,
        }
    }
}
