use hmac::{Hmac, KeyInit, Mac};
use raftwire_protocol::Session;
use sha2::Sha256;

use super::hello::PeerHello;
use super::nonce::Nonce;
use super::{LocalIdentity, Secret};

const TAG_BYTES: usize = 16;

/// By what a node that has a secret recognises it in the hello of another. It differs from hello to
/// hello, so that nobody else can tell whether two nodes, or one node later, have the same.
pub(super) type SecretTag = [u8; TAG_BYTES];

fn tag(secret: &Secret, session: Session, nonce: &Nonce) -> SecretTag {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    // Fields of fixed length.
    mac.update(b"raftwire secret tag v1");
    mac.update(&session.to_bytes());
    mac.update(nonce);
    let (mac, mut tag) = (mac.finalize().into_bytes(), [0; TAG_BYTES]);
    tag.copy_from_slice(&mac[..TAG_BYTES]);
    tag
}

impl LocalIdentity {
    /// The secrets that this node accepts, the newest first.
    fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let previous = self.secret.as_ref().and(self.secret_previous.as_ref());
        self.secret.iter().chain(previous)
    }

    /// What the hello with this nonce says of the secrets.
    pub(super) fn secret_tags(&self, nonce: &Nonce) -> impl Iterator<Item = SecretTag> {
        self.secrets()
            .map(|secret| tag(secret, self.session, nonce))
    }

    /// The secret by which this node and the peer prove themselves to each other and make their
    /// keys. Both find the same: of those that both have, the one that the node with the smaller
    /// session has as the newer.
    ///
    /// Where there is none, or the peer does not say what it has, it is the newest of this node; the proofs
    /// will tell.
    pub(super) fn secret_shared_with(&self, peer: &PeerHello) -> Option<&Secret> {
        let is_tagged = |secret: &&Secret, wanted: &SecretTag| {
            tag(secret, peer.session, &peer.nonce) == *wanted
        };
        let in_their_order = || {
            let mut tags = peer.secret_tags.iter();
            tags.find_map(|wanted| self.secrets().find(|secret| is_tagged(secret, wanted)))
        };
        let in_our_order = || {
            let mut secrets = self.secrets();
            secrets.find(|secret| peer.secret_tags.iter().any(|tag| is_tagged(secret, tag)))
        };
        let shared = if self.session < peer.session {
            in_our_order()
        } else {
            in_their_order()
        };
        shared.or(self.secret.as_ref())
    }
}
