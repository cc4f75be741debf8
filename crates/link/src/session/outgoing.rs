use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use raftwire_protocol::limits::{
    HELLO_BODY_BYTES_MAX, PROOF_BODY_BYTES_MAX, REFUSAL_BODY_BYTES_MAX,
};
use raftwire_protocol::messages::{ProofBody, RefusalBody};
use raftwire_protocol::{Incarnation, Lane, PacketHeader, PacketKind, Session, encode_packet};

use super::hello::{OwnHello, PeerHello};
use super::nonce::Nonce;
use super::transcript::Transcript;
use super::{LocalIdentity, OUTGOING_PACKETS_MAX, RefusalReason};

/// Makes the packets of a handshake and keeps them until they are fetched.
#[derive(Debug)]
pub(super) struct Outgoing {
    local: Arc<LocalIdentity>,
    lane: Lane,
    packets: VecDeque<Bytes>,
}

/// Whom a refusal is for: whoever sent a hello, even one that could not be read.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) session: Session,
    pub(super) hello: Bytes,
    pub(super) nonce: Option<Nonce>,
}

impl From<&PeerHello> for Refused {
    fn from(peer: &PeerHello) -> Refused {
        Refused {
            session: peer.session,
            hello: peer.bytes.clone(),
            nonce: Some(peer.nonce),
        }
    }
}

impl Outgoing {
    pub(super) fn new(local: Arc<LocalIdentity>, lane: Lane) -> Outgoing {
        Outgoing {
            local,
            lane,
            packets: VecDeque::with_capacity(OUTGOING_PACKETS_MAX),
        }
    }

    pub(super) fn next(&mut self) -> Option<Bytes> {
        self.packets.pop_front()
    }

    pub(super) fn hello(&mut self, own: &OwnHello) {
        self.push(PacketKind::Hello, Session::NONE, &own.bytes);
    }

    pub(super) fn proof(&mut self, own: &OwnHello, peer: &PeerHello) {
        let transcript = Transcript {
            lane: self.lane,
            sender: &own.bytes,
            receiver: &peer.bytes,
        };
        let body = ProofBody {
            mac: Bytes::copy_from_slice(&transcript.prove(self.local.secret_shared_with(peer))),
            hello: own.bytes.clone(),
            answers: Bytes::copy_from_slice(&peer.nonce),
        };
        self.push(PacketKind::Proof, peer.session, &body.encode_to_vec());
    }

    pub(super) fn refusal(&mut self, own: &OwnHello, refused: &Refused, reason: &RefusalReason) {
        let (code, text) = (reason.code().number(), reason.words());
        let transcript = Transcript {
            lane: self.lane,
            sender: &own.bytes,
            receiver: &refused.hello,
        };
        // Who cannot be understood is told in the newest secret.
        let peer = PeerHello::read(refused.session, refused.hello.clone());
        let secret = match &peer {
            Ok(peer) => self.local.secret_shared_with(peer),
            Err(_) => self.local.secret.as_ref(),
        };
        let mac = transcript.refuse(secret, code, &text);
        let body = RefusalBody {
            code,
            text,
            mac: Bytes::copy_from_slice(&mac),
            hello: own.bytes.clone(),
            answers: refused
                .nonce
                .map_or(Bytes::new(), |nonce| Bytes::copy_from_slice(&nonce)),
        };
        self.push(PacketKind::Refusal, refused.session, &body.encode_to_vec());
    }

    fn push(&mut self, kind: PacketKind, to: Session, body: &[u8]) {
        if self.packets.len() >= OUTGOING_PACKETS_MAX {
            return;
        }
        let header = PacketHeader {
            kind,
            flags: 0,
            lane: self.lane,
            from: self.local.session,
            to,
            // Memberships are the log's affair, and a peer's is known only after its hello.
            from_incarnation: Incarnation::NONE,
            to_incarnation: Incarnation::NONE,
        };
        self.packets.push_back(encode_packet(&header, body));
    }
}

// A proof or refusal is a hello and a few fields of fixed size; its limit leaves room for both.
const _: () = assert!(PROOF_BODY_BYTES_MAX >= HELLO_BODY_BYTES_MAX + 128);
const _: () = assert!(REFUSAL_BODY_BYTES_MAX >= HELLO_BODY_BYTES_MAX + 512 + 128);
