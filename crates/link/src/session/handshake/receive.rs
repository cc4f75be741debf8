use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use prost::Message;
use raftwire_protocol::limits::{PROOF_BODY_BYTES_MAX, REFUSAL_BODY_BYTES_MAX};
use raftwire_protocol::messages::{ProofBody, RefusalBody};
use raftwire_protocol::{Lane, Session};

use super::{Attempt, Established, Handshake, HandshakeEvent, State};
use crate::session::hello::{OwnHello, PeerHello};
use crate::session::outgoing::Refused;
use crate::session::transcript::Transcript;
use crate::session::{PeerIdentity, REPLACED_HELLOS_MAX, RefusalReason, SecretMismatch};

impl Handshake {
    pub(super) fn receive_hello(&mut self, from: Session, body: Bytes, now: Instant) {
        let read = PeerHello::read(from, body.clone());
        let refused = match &read {
            Ok(peer) => Refused::from(peer),
            Err(_) => Refused {
                session: from,
                hello: body,
                nonce: None,
            },
        };
        let checked = read.and_then(|peer| {
            peer.check(&self.local, &self.medium, self.expected_peer.as_ref())
                .map(|_identity| peer)
        });
        match (&self.state, checked) {
            (State::Failed { own, refusal }, _) => {
                if let Some(reason) = refusal {
                    self.outgoing.refusal(own, &refused, reason);
                }
            }
            (State::Greeting(_) | State::Established(_), Ok(peer)) => self.answer(peer, now),
            (State::Greeting(_), Err(reason)) => self.fail(reason, Some(refused)),
            // A broker may give a node its own words.
            (State::Established(_), Err(RefusalReason::OwnSession)) => {}
            // Whoever sent this, it is not enough to end what is proved. But it may be the peer,
            // started with another configuration, so it is told.
            (State::Established(established), Err(reason)) => {
                self.outgoing.refusal(&established.own, &refused, &reason);
            }
        }
    }

    /// Proves to whoever sent a sound hello who we are.
    fn answer(&mut self, peer: PeerHello, now: Instant) {
        if let State::Established(established) = &mut self.state {
            // The peer still waits for the proof that was lost.
            if established.peer.bytes == peer.bytes {
                self.outgoing.proof(&established.own, &peer);
                return;
            }
            if established.replaced.contains(&peer.nonce) {
                return;
            }
            if established.again.is_none() {
                let own = OwnHello::new(&self.local, &self.medium, self.nonces.issue());
                let attempt = Attempt::begin(own, &mut self.outgoing, now);
                established.again = Some(Box::new(attempt));
            }
        }
        let attempt = match &mut self.state {
            State::Greeting(attempt) => attempt,
            State::Established(Established {
                again: Some(again), ..
            }) => again,
            State::Established(_) | State::Failed { .. } => return,
        };
        self.outgoing.proof(&attempt.own, &peer);
        attempt.answered = Some(peer);
    }

    pub(super) fn receive_proof(&mut self, from: Session, body: Bytes) {
        if body.len() > PROOF_BODY_BYTES_MAX {
            return;
        }
        let Ok(proof) = ProofBody::decode(body) else {
            return;
        };
        let Some(attempt) = self.attempt() else {
            return;
        };
        // It answers an older hello of ours, or is a copy of the proof that was accepted.
        if proof.answers[..] != attempt.own.nonce {
            return;
        }
        let own = attempt.own.clone();
        let peer = match PeerHello::read(from, proof.hello.clone()) {
            Ok(peer) => peer,
            Err(reason) => {
                let refused = Refused {
                    session: from,
                    hello: proof.hello,
                    nonce: None,
                };
                return self.reject(reason, refused);
            }
        };
        match self.verify(&own, &peer, &proof.mac) {
            Ok(identity) => self.establish(own, peer, identity),
            Err(reason) => self.reject(reason, Refused::from(&peer)),
        }
    }

    fn verify(
        &self,
        own: &OwnHello,
        peer: &PeerHello,
        mac: &[u8],
    ) -> Result<PeerIdentity, RefusalReason> {
        let identity = peer.check(&self.local, &self.medium, self.expected_peer.as_ref())?;
        let transcript = Transcript {
            lane: self.medium.lane,
            sender: &peer.bytes,
            receiver: &own.bytes,
        };
        if transcript.is_proved_by(self.local.secret_shared_with(peer), mac) {
            Ok(identity)
        } else {
            Err(RefusalReason::Secret(SecretMismatch::WrongProof))
        }
    }

    /// A proof that answers the attempt under way is no good.
    fn reject(&mut self, reason: RefusalReason, refused: Refused) {
        match &mut self.state {
            State::Greeting(_) => self.fail(reason, Some(refused)),
            State::Established(established) => {
                if let Some(again) = established.again.take() {
                    self.outgoing.refusal(&again.own, &refused, &reason);
                }
            }
            State::Failed { .. } => {}
        }
    }

    fn establish(&mut self, own: OwnHello, peer: PeerHello, identity: PeerIdentity) {
        let answered = self.attempt().and_then(|attempt| attempt.answered.as_ref());
        // Its hello was lost, or comes later: the proof has told us as much.
        if answered.is_none_or(|answered| answered.bytes != peer.bytes) {
            self.outgoing.proof(&own, &peer);
        }
        let replaced = match &mut self.state {
            State::Established(before) => {
                let mut replaced = std::mem::take(&mut before.replaced);
                if replaced.len() >= REPLACED_HELLOS_MAX {
                    replaced.pop_front();
                }
                if before.peer.nonce != peer.nonce {
                    replaced.push_back(before.peer.nonce);
                }
                replaced
            }
            State::Greeting(_) | State::Failed { .. } => VecDeque::new(),
        };
        self.state = State::Established(Established {
            own,
            peer,
            replaced,
            are_keys_taken: false,
            again: None,
        });
        self.event = Some(HandshakeEvent::Established(identity));
    }

    pub(super) fn receive_refusal(&mut self, from: Session, body: Bytes) {
        if body.len() > REFUSAL_BODY_BYTES_MAX {
            return;
        }
        let Ok(refusal) = RefusalBody::decode(body) else {
            return;
        };
        let ends = match &mut self.state {
            // Anybody may say so, and nothing is lost but this attempt. Who could not even read our
            // hello does not know its nonce.
            State::Greeting(attempt) => {
                refusal.answers.is_empty() || refusal.answers[..] == attempt.own.nonce
            }
            State::Established(established) => {
                let transcript = established.transcript(self.medium.lane, from, &refusal);
                let ends = transcript.is_some_and(|(transcript, peer)| {
                    let (code, text) = (refusal.code, &refusal.text);
                    let secret = self.local.secret_shared_with(&peer);
                    transcript.is_refused_by(secret, code, text, &refusal.mac)
                });
                // What a stranger may end is the second attempt alone.
                established
                    .again
                    .take_if(|again| refusal.answers[..] == again.own.nonce);
                ends
            }
            State::Failed { .. } => false,
        };
        if ends {
            self.told(RefusalReason::told(refusal.code, &refusal.text));
        }
    }
}

impl Established {
    /// What a refusal must have been made from if it is to end what is established: it comes from
    /// the session that has proved itself, and answers a hello of ours that still counts.
    fn transcript<'a>(
        &'a self,
        lane: Lane,
        from: Session,
        refusal: &'a RefusalBody,
    ) -> Option<(Transcript<'a>, PeerHello)> {
        let hellos = [Some(&self.own), self.again.as_ref().map(|again| &again.own)];
        let answered = hellos
            .into_iter()
            .flatten()
            .find(|own| refusal.answers[..] == own.nonce)?;
        if from != self.peer.session {
            return None;
        }
        let peer = PeerHello::read(from, refusal.hello.clone()).ok()?;
        let (sender, receiver) = (&refusal.hello[..], &answered.bytes[..]);
        let transcript = Transcript {
            lane,
            sender,
            receiver,
        };
        Some((transcript, peer))
    }
}
