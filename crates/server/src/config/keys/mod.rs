//! Everything that can be set, a table for each theme.

mod authentication;
mod client;
mod cluster;
mod http;
mod limits;
mod log;
mod node;
mod session;
mod storage;
mod tls;
mod transport;

use std::time::Duration;

use super::key::Key;
use super::value::Unfit;

/// The tables, in the order of the help.
static TABLES: [&[Key]; 11] = [
    node::NODE,
    cluster::CLUSTER,
    transport::TRANSPORT,
    storage::STORAGE,
    limits::LIMITS,
    log::LOG,
    tls::TLS,
    http::HTTP,
    client::CLIENT,
    authentication::AUTHENTICATION,
    session::SESSION,
];

/// Everything that can be set, in the order of the help.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    TABLES.into_iter().flatten()
}

/// The longest that a duration may be set to: beyond it somebody has mistaken the unit.
const DURATION_MAX: Duration = Duration::from_secs(600);

/// A key that nothing is known of beyond its name.
const PLAIN: Key = Key {
    name: "",
    allowed: "",
    default: None,
    reason: "",
    example: "",
    help: "",
    placeholder: "TEXT",
    confidential: false,
    explains: false,
    apply: |_, _| Ok(()),
};

fn put<T>(place: &mut T, value: Result<T, Unfit>) -> Result<(), Unfit> {
    *place = value?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServerOptions;
    use crate::config::value::Value;

    #[test]
    fn documented_defaults_are_the_defaults() {
        for key in keys() {
            let Some(default) = key.default else { continue };
            let mut options = ServerOptions::default();
            (key.apply)(&mut options, &Value::Bare(default.to_owned())).expect(key.name);

            let (set, untouched) = (
                format!("{options:?}"),
                format!("{:?}", ServerOptions::default()),
            );
            assert_eq!(set, untouched, "{}", key.name);
        }
    }

    #[test]
    fn names_are_distinct_in_every_source() {
        let spellings: [fn(&Key) -> String; 3] =
            [|key| key.name.to_owned(), Key::variable, Key::flag];
        for spelling in spellings {
            let distinct: std::collections::BTreeSet<_> = keys().map(spelling).collect();
            assert_eq!(distinct.len(), keys().count());
        }
    }
}
