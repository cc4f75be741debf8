//! What a client asks for, done.

use std::time::Duration;

use raftwire::{
    Audience, ClusterManager, ClusterRouter, FanOptions, MembershipError, RouteOutcome,
};
use raftwire_protocol::{ConnectionId, Frame, Group};

use super::protocol::{Counts, ErrorCode, Outcome, SendRequest, Target, ToClient};

/// Sends to many, and says what became of it.
pub(super) async fn fan_out(
    router: ClusterRouter,
    id: u64,
    audience: Audience,
    frame: Frame,
    deadline: Option<Duration>,
) -> ToClient<'static> {
    let mut options = FanOptions::default();
    if let Some(deadline) = deadline {
        options = options.deadline(deadline);
    }
    let outcome = router.fan_out(&audience, frame, options).await;
    let counts = Counts::from(&outcome);
    ToClient::Counts { id, counts }
}

/// The answer to a client that may not send.
pub(super) fn may_not_send(request: &SendRequest) -> ToClient<'static> {
    let (id, reason) = (
        request.id,
        "clients may not send here: client.allow_send is false",
    );
    match request.to {
        Target::Connection(_) => ToClient::Result {
            id,
            outcome: Outcome::refused(reason),
        },
        Target::Many(_) => not_allowed(id, reason),
    }
}

/// The answer to a send whose payload is larger than a client's may be.
pub(super) fn too_large(request: &SendRequest, limit: usize) -> ToClient<'static> {
    let id = request.id;
    match request.to {
        Target::Connection(_) => {
            let limit_bytes = Some(limit);
            let outcome = Outcome::from(&RouteOutcome::TooLarge { limit_bytes });
            ToClient::Result { id, outcome }
        }
        Target::Many(_) => ToClient::Error {
            code: ErrorCode::TooLarge,
            message: format!(
                "the payload has {} bytes, over message_bytes_max, which is {limit}",
                request.frame.len()
            ),
            id: Some(id),
        },
    }
}

/// The answer to a client that may not join, or leave.
pub(super) fn may_not_join(id: u64) -> ToClient<'static> {
    not_allowed(
        id,
        "clients may not join and leave groups here: client.allow_join is false",
    )
}

fn not_allowed(id: u64, reason: &str) -> ToClient<'static> {
    ToClient::Error {
        code: ErrorCode::NotAllowed,
        message: reason.to_owned(),
        id: Some(id),
    }
}

/// How long a settled join waits for the other nodes to hear of it: as long as a message may take by
/// default.
const SETTLING_MAX: Duration = Duration::from_secs(5);

/// Puts the connection into a group.
pub(super) async fn join(
    manager: ClusterManager,
    connection: ConnectionId,
    id: u64,
    group: Group,
    settled: bool,
) -> ToClient<'static> {
    let joined = if settled {
        let joining = manager.join_settled(&connection, group.clone());
        match tokio::time::timeout(SETTLING_MAX, joining).await {
            Ok(joined) => joined,
            Err(_) => return not_settled(id),
        }
    } else {
        manager.join(&connection, group.clone())
    };
    match joined {
        Ok(()) => ToClient::Joined {
            id,
            group: group.to_string(),
        },
        Err(error) => ToClient::Error {
            code: match error {
                MembershipError::TooManyGroups { .. } => ErrorCode::TooManyGroups,
                _ => ErrorCode::Unavailable,
            },
            message: error.to_string(),
            id: Some(id),
        },
    }
}

fn not_settled(id: u64) -> ToClient<'static> {
    let seconds = SETTLING_MAX.as_secs();
    ToClient::Error {
        code: ErrorCode::Unavailable,
        message: format!(
            "the connection is in the group, and not every living node has heard of it within {seconds} s"
        ),
        id: Some(id),
    }
}

/// Takes the connection out of a group.
pub(super) fn leave(
    manager: &ClusterManager,
    connection: &ConnectionId,
    id: u64,
    group: &Group,
) -> ToClient<'static> {
    manager.leave(connection, group);
    ToClient::Left {
        id,
        group: group.to_string(),
    }
}
