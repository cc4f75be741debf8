//! A snapshot in pieces, on its way in.

use bytes::{Bytes, BytesMut};
use sha2::{Digest as _, Sha256};

use crate::snapshot::SNAPSHOT_BYTES_MAX;
use crate::wire::log::VoteRecord;
use crate::wire::request::SnapshotChunk;

/// The pieces of one snapshot that have arrived, from its beginning without a hole.
///
/// A snapshot is known by what it covers and by its digest, so a transfer goes on where it broke
/// off, also from another leader. A piece of another snapshot starts anew.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    meta: Bytes,
    digest: Bytes,
    total: u64,
    data: BytesMut,
    /// Of `data`, so that a large snapshot is not digested at once.
    hasher: Sha256,
    installed: Option<Installed>,
}

/// The snapshot that was installed last. Its last piece comes again if the answer was lost, or took
/// too long. What was answered is not kept: this node may have voted for another leader since.
#[derive(Debug)]
struct Installed {
    meta: Bytes,
    digest: Bytes,
    /// Who sent it.
    sender: VoteRecord,
}

/// What a piece led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// So many bytes are there.
    Received(u64),
    /// It was installed before.
    Installed,
    /// All of them are, and they are the ones that were announced.
    Complete {
        /// The snapshot.
        data: Bytes,
    },
}

/// A piece that cannot be taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AssemblyError {
    #[error("a snapshot of {total} bytes is above the limit of {SNAPSHOT_BYTES_MAX}")]
    TooLarge { total: u64 },
    #[error("the snapshot's bytes do not have the digest that was announced")]
    Digest,
}

impl Assembly {
    /// Takes a piece. What is complete is handed out and forgotten.
    pub(crate) fn take(&mut self, chunk: &SnapshotChunk) -> Result<Progress, AssemblyError> {
        if chunk.total > SNAPSHOT_BYTES_MAX {
            return Err(AssemblyError::TooLarge { total: chunk.total });
        }
        if let Some(installed) = &self.installed
            && installed.meta == chunk.meta
            && installed.digest == chunk.digest
            && installed.sender == chunk.vote
        {
            return Ok(Progress::Installed);
        }
        let same =
            self.meta == chunk.meta && self.digest == chunk.digest && self.total == chunk.total;
        if !same {
            *self = Assembly {
                meta: chunk.meta.clone(),
                digest: chunk.digest.clone(),
                total: chunk.total,
                data: BytesMut::new(),
                hasher: Sha256::new(),
                installed: self.installed.take(),
            };
        }
        if chunk.offset == self.received() && chunk.data.len() as u64 <= self.missing() {
            self.data.extend_from_slice(&chunk.data);
            self.hasher.update(&chunk.data);
        }
        if self.missing() > 0 {
            return Ok(Progress::Received(self.received()));
        }
        let Assembly {
            digest,
            data,
            hasher,
            ..
        } = std::mem::take(self);
        if hasher.finalize()[..] != digest[..] {
            return Err(AssemblyError::Digest);
        }
        Ok(Progress::Complete {
            data: data.freeze(),
        })
    }

    /// The snapshot of this piece was installed.
    pub(crate) fn installed(&mut self, chunk: &SnapshotChunk) {
        self.installed = Some(Installed {
            meta: chunk.meta.clone(),
            digest: chunk.digest.clone(),
            sender: chunk.vote,
        });
    }

    /// What was installed last is to be sent again.
    pub(crate) fn forget_installed(&mut self) {
        self.installed = None;
    }

    fn received(&self) -> u64 {
        self.data.len() as u64
    }

    fn missing(&self) -> u64 {
        self.total - self.received()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::type_config::Vote;

    fn chunk(whole: &[u8], offset: usize, len: usize) -> SnapshotChunk {
        let end = (offset + len).min(whole.len());
        SnapshotChunk {
            to: 1,
            vote: (&Vote::new_committed(1, 2)).into(),
            meta: Bytes::from_static(b"meta"),
            digest: Sha256::digest(whole).to_vec().into(),
            total: whole.len() as u64,
            offset: offset as u64,
            data: whole[offset..end].to_vec().into(),
        }
    }

    #[test]
    fn pieces_in_order_make_the_whole() {
        let mut assembly = Assembly::default();

        assert_eq!(
            assembly.take(&chunk(b"abcdef", 0, 4)),
            Ok(Progress::Received(4))
        );
        assert_eq!(
            assembly.take(&chunk(b"abcdef", 4, 4)),
            Ok(Progress::Complete {
                data: Bytes::from_static(b"abcdef"),
            })
        );
    }

    #[test]
    fn a_last_piece_that_comes_again_is_known_until_it_is_to_be_sent_again() {
        let mut assembly = Assembly::default();
        let last = chunk(b"abcdef", 3, 3);
        let _ = assembly.take(&chunk(b"abcdef", 0, 3));
        let _ = assembly.take(&last);
        assembly.installed(&last);

        assert_eq!(assembly.take(&last), Ok(Progress::Installed));

        let mut of_another = last.clone();
        of_another.vote = (&Vote::new_committed(8, 8)).into();
        assert_eq!(assembly.take(&of_another), Ok(Progress::Received(0)));

        assembly.forget_installed();
        assert_eq!(assembly.take(&last), Ok(Progress::Received(0)));
    }

    #[test]
    fn repeated_and_premature_pieces_change_nothing() {
        let mut assembly = Assembly::default();

        assert_eq!(
            assembly.take(&chunk(b"abcdef", 4, 2)),
            Ok(Progress::Received(0))
        );
        assert_eq!(
            assembly.take(&chunk(b"abcdef", 0, 2)),
            Ok(Progress::Received(2))
        );
        assert_eq!(
            assembly.take(&chunk(b"abcdef", 0, 2)),
            Ok(Progress::Received(2))
        );
    }

    #[test]
    fn a_piece_of_another_snapshot_starts_anew() {
        let mut assembly = Assembly::default();
        let _ = assembly.take(&chunk(b"abcdef", 0, 4));

        assert_eq!(
            assembly.take(&chunk(b"uvwxyz", 0, 2)),
            Ok(Progress::Received(2))
        );
    }

    #[test]
    fn other_bytes_than_announced_are_refused() {
        let mut assembly = Assembly::default();
        let mut wrong = chunk(b"abcdef", 0, 6);
        wrong.data = Bytes::from_static(b"abcdeX");

        assert_eq!(assembly.take(&wrong), Err(AssemblyError::Digest));
    }

    #[test]
    fn a_snapshot_above_the_limit_is_refused_before_anything_is_kept() {
        let mut assembly = Assembly::default();
        let mut huge = chunk(b"abcdef", 0, 6);
        huge.total = u64::MAX;

        assert_eq!(
            assembly.take(&huge),
            Err(AssemblyError::TooLarge { total: u64::MAX })
        );
    }

    #[test]
    fn a_piece_that_is_longer_than_what_is_missing_is_not_taken() {
        let mut assembly = Assembly::default();
        let mut long = chunk(b"abcdef", 0, 6);
        long.total = 3;

        assert_eq!(assembly.take(&long), Ok(Progress::Received(0)));
    }
}
