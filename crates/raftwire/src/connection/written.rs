//! The second reply: told when a message was handed to the socket.

use tokio::sync::oneshot;

use crate::peer::PeerHandle;

/// Who wants to learn that a message was written, or that it never will be.
#[derive(Debug)]
enum Asker {
    Here(oneshot::Sender<bool>),
    Peer { peer: PeerHandle, token: u64 },
}

/// Redeemed once when the message was written; dropping it says that it will not be.
#[derive(Debug)]
pub(crate) struct WrittenTicket {
    asker: Option<Asker>,
}

impl WrittenTicket {
    pub(crate) fn here() -> (WrittenTicket, oneshot::Receiver<bool>) {
        let (sender, receiver) = oneshot::channel();
        (
            WrittenTicket {
                asker: Some(Asker::Here(sender)),
            },
            receiver,
        )
    }

    pub(crate) fn peer(peer: PeerHandle, token: u64) -> WrittenTicket {
        WrittenTicket {
            asker: Some(Asker::Peer { peer, token }),
        }
    }

    pub(crate) fn written(mut self) {
        self.answer(true);
    }

    fn answer(&mut self, written: bool) {
        match self.asker.take() {
            // An asker that has gone no longer wants to know.
            Some(Asker::Here(sender)) => drop(sender.send(written)),
            Some(Asker::Peer { peer, token }) => peer.tell_written(token, written),
            None => {}
        }
    }
}

impl Drop for WrittenTicket {
    fn drop(&mut self) {
        self.answer(false);
    }
}
