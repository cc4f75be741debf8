//! What every transport asks of its options, and what they have in common.

use std::time::Duration;

use raftwire_protocol::Lane;
use raftwire_protocol::limits::{CONTROL_PACKET_BYTES_MAX, DATA_PACKET_BYTES_MAX};

use crate::CreateError;

/// After so many intervals of silence whoever should have said something counts as gone: two may be
/// lost or late.
pub const SILENT_INTERVALS_MAX: u32 = 3;

/// Bytes that may wait to be sent on the control lane, unless somebody says otherwise: sixteen of the
/// largest packets. What waits there for longer is of no use any more.
pub const CONTROL_QUEUE_BYTES_MAX_DEFAULT: usize = 1 << 20;
/// The same of the data lane: twice the window of a link, so that the link's flow control is what holds a
/// sender back.
pub const DATA_QUEUE_BYTES_MAX_DEFAULT: usize = 8 << 20;

const _: () = {
    assert!(CONTROL_QUEUE_BYTES_MAX_DEFAULT >= 16 * CONTROL_PACKET_BYTES_MAX);
    assert!(DATA_QUEUE_BYTES_MAX_DEFAULT >= 16 * DATA_PACKET_BYTES_MAX);
};

/// Each of these durations is longer than nothing.
///
/// # Errors
///
/// Of the first option that is not.
pub fn require_time(durations: &[(&'static str, Duration)]) -> Result<(), CreateError> {
    match durations.iter().find(|(_, duration)| duration.is_zero()) {
        Some((option, _)) => refuse(option, "must be longer than nothing"),
        None => Ok(()),
    }
}

/// Pauses between attempts grow from `back_off_min`, which is longer than nothing, to `back_off_max`.
///
/// # Errors
///
/// Of the option that makes it impossible.
pub fn require_back_off(min: Duration, max: Duration) -> Result<(), CreateError> {
    require_time(&[("back_off_min", min)])?;
    match max < min {
        true => refuse("back_off_max", "must not be less than back_off_min"),
        false => Ok(()),
    }
}

/// Each of these numbers of bytes has room for one packet of its lane.
///
/// # Errors
///
/// Of the first option that has not.
pub fn require_room_for_a_packet(rooms: &[(&'static str, Lane, usize)]) -> Result<(), CreateError> {
    let mut rooms = rooms.iter();
    match rooms.find(|(_, lane, bytes)| *bytes < lane.packet_bytes_max()) {
        Some((option, lane, _)) => {
            let least = lane.packet_bytes_max();
            let reason = format!("must hold one packet at least, {least} bytes");
            refuse(option, &reason)
        }
        None => Ok(()),
    }
}

/// An option cannot be what it is, for this reason.
///
/// # Errors
///
/// Always.
pub fn refuse<T>(option: &'static str, reason: &str) -> Result<T, CreateError> {
    Err(CreateError::Option {
        option,
        reason: reason.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(checked: Result<(), CreateError>) -> &'static str {
        match checked {
            Err(CreateError::Option { option, .. }) => option,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn option_that_cannot_work_is_refused_by_name() {
        let second = Duration::from_secs(1);
        let durations = [("first", second), ("second", Duration::ZERO)];
        assert_eq!(refused(require_time(&durations)), "second");
        assert!(require_time(&durations[..1]).is_ok());

        let nothing = require_back_off(Duration::ZERO, second);
        assert_eq!(refused(nothing), "back_off_min");
        assert_eq!(
            refused(require_back_off(2 * second, second)),
            "back_off_max"
        );
        assert!(require_back_off(second, second).is_ok());

        let least = Lane::Data.packet_bytes_max();
        let room = |bytes| require_room_for_a_packet(&[("queue", Lane::Data, bytes)]);
        assert_eq!(refused(room(least - 1)), "queue");
        assert!(room(least).is_ok());
    }
}
