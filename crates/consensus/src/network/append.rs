//! Appends: as many entries as fit into one call.

use bytes::Bytes;
use openraft::entry::RaftEntry as _;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};

use super::CARGO_BYTES_MAX;
use crate::type_config::{LogId, TypeConfig, Vote};
use crate::wire::request::Append;
use crate::wire::response::{AppendResult, Appended, PartialAppend};
use crate::wire::{WireError, decode_entry, encode_entry};

/// The call for a request, and the last entry in it if not all of them fit.
pub(super) fn to_call(
    to: u64,
    request: &AppendEntriesRequest<TypeConfig>,
) -> (Append, Option<LogId>) {
    let mut entries: Vec<Bytes> = Vec::with_capacity(request.entries.len());
    let mut cargo = 0;
    for entry in &request.entries {
        let bytes = encode_entry(entry);
        cargo += bytes.len();
        if cargo > CARGO_BYTES_MAX && !entries.is_empty() {
            break;
        }
        entries.push(bytes.into());
    }
    let cut = (entries.len() < request.entries.len())
        .then(|| entries.len().checked_sub(1))
        .flatten()
        .and_then(|last| request.entries.get(last))
        .map(|entry| entry.log_id());
    let append = Append {
        to,
        vote: (&request.vote).into(),
        previous: request.prev_log_id.as_ref().map(Into::into),
        entries,
        committed: request.leader_commit.as_ref().map(Into::into),
    };
    (append, cut)
}

/// The request behind a call.
pub(super) fn from_call(append: &Append) -> Result<AppendEntriesRequest<TypeConfig>, WireError> {
    Ok(AppendEntriesRequest {
        vote: append.vote.into(),
        prev_log_id: append.previous.map(LogId::from),
        entries: append
            .entries
            .iter()
            .map(|bytes| decode_entry(bytes))
            .collect::<Result<_, _>>()?,
        leader_commit: append.committed.map(LogId::from),
    })
}

/// The answer as a message.
pub(super) fn to_answer(response: &AppendEntriesResponse<TypeConfig>) -> Appended {
    let result = match response {
        AppendEntriesResponse::Success => AppendResult::Success(true),
        AppendEntriesResponse::PartialSuccess(matching) => AppendResult::Partial(PartialAppend {
            matching: matching.as_ref().map(Into::into),
        }),
        AppendEntriesResponse::Conflict => AppendResult::Conflict(true),
        AppendEntriesResponse::HigherVote(vote) => AppendResult::HigherVote(vote.into()),
    };
    Appended {
        result: Some(result),
    }
}

/// The answer behind a message. `cut` is the last entry that was sent, if not all of them were:
/// success then means success so far.
pub(super) fn from_answer(
    answer: Appended,
    cut: Option<LogId>,
) -> Result<AppendEntriesResponse<TypeConfig>, WireError> {
    Ok(
        match answer.result.ok_or(WireError::Field("append result"))? {
            AppendResult::Success(_) => match cut {
                None => AppendEntriesResponse::Success,
                Some(last) => AppendEntriesResponse::PartialSuccess(Some(last)),
            },
            AppendResult::Partial(partial) => {
                AppendEntriesResponse::PartialSuccess(partial.matching.map(LogId::from))
            }
            AppendResult::Conflict(_) => AppendEntriesResponse::Conflict,
            AppendResult::HigherVote(vote) => AppendEntriesResponse::HigherVote(Vote::from(vote)),
        },
    )
}

#[cfg(test)]
mod tests {
    use openraft::entry::RaftEntry as _;

    use super::*;
    use crate::command::Command;
    use crate::type_config::{CommittedLeaderId, Entry};

    fn request(entries: u64, bytes: usize) -> AppendEntriesRequest<TypeConfig> {
        let log_id = |index| LogId {
            leader_id: CommittedLeaderId::new(1),
            index,
        };
        let command = || Command::Unknown(vec![0xff; bytes].into());
        AppendEntriesRequest {
            vote: Vote::new_committed(1, 7),
            prev_log_id: None,
            entries: (0..entries)
                .map(|at| Entry::new_normal(log_id(at), command()))
                .collect(),
            leader_commit: None,
        }
    }

    #[test]
    fn what_does_not_fit_is_left_for_the_next_call() {
        let request = request(10, 10 * 1024);

        let (append, cut) = to_call(3, &request);

        assert_eq!(append.entries.len(), 4);
        assert_eq!(cut, Some(request.entries[3].log_id));
        let success = to_answer(&AppendEntriesResponse::Success);
        assert_eq!(
            from_answer(success, cut),
            Ok(AppendEntriesResponse::PartialSuccess(cut))
        );
    }

    #[test]
    fn one_entry_is_always_sent() {
        let (append, cut) = to_call(3, &request(2, 2 * CARGO_BYTES_MAX));

        assert_eq!(append.entries.len(), 1);
        assert!(cut.is_some());
    }

    #[test]
    fn a_request_that_fits_is_not_cut() {
        let (append, cut) = to_call(3, &request(5, 10));

        assert_eq!(append.entries.len(), 5);
        assert_eq!(cut, None);
    }
}
