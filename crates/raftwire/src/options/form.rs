//! How options are written in a file of a configuration.

/// Values that have a text form, as text.
pub(super) mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    fn parse<T: FromStr<Err: Display>, E: de::Error>(text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    pub(in crate::options) mod option {
        use super::{Deserialize, Deserializer, Display, FromStr, Serializer, parse};

        pub(in crate::options) fn deserialize<
            'de,
            T: FromStr<Err: Display>,
            D: Deserializer<'de>,
        >(
            deserializer: D,
        ) -> Result<Option<T>, D::Error> {
            let text: Option<String> = Option::deserialize(deserializer)?;
            text.map(|text| parse(&text)).transpose()
        }

        pub(in crate::options) fn serialize<T: Display, S: Serializer>(
            value: &Option<T>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match value {
                Some(value) => serializer.collect_str(value),
                None => serializer.serialize_none(),
            }
        }
    }

    pub(in crate::options) mod list {
        use super::{Deserialize, Deserializer, Display, FromStr, Serializer, parse};

        pub(in crate::options) fn deserialize<
            'de,
            T: FromStr<Err: Display>,
            D: Deserializer<'de>,
        >(
            deserializer: D,
        ) -> Result<Vec<T>, D::Error> {
            let texts: Vec<String> = Vec::deserialize(deserializer)?;
            texts.iter().map(|text| parse(text)).collect()
        }

        pub(in crate::options) fn serialize<T: Display, S: Serializer>(
            values: &[T],
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(values.iter().map(ToString::to_string))
        }
    }
}

/// Durations as text with their unit.
pub(super) mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(in crate::options) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map_err(|_| {
            de::Error::custom(format_args!(
                "\"{text}\" is not a duration: write a number with its unit, such as \"5s\" or \
                 \"250ms\""
            ))
        })
    }

    pub(in crate::options) fn serialize<S: Serializer>(
        value: &Duration,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_str(&humantime::format_duration(*value))
    }
}

/// The secret, as text of a configuration. It is never written back.
pub(super) mod secret {
    use serde::{Deserialize, Deserializer, de};

    use raftwire_link::session::Secret;

    pub(in crate::options) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        text.map(|text| Secret::new(text).map_err(de::Error::custom))
            .transpose()
    }
}

/// The seats by name.
pub(super) mod seat {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use raftwire_consensus::SeatPolicy;

    pub(in crate::options) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SeatPolicy, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "auto" => Ok(SeatPolicy::Auto),
            "edge" => Ok(SeatPolicy::Edge),
            _ => Err(de::Error::custom(format_args!(
                "\"{text}\": must be auto or edge"
            ))),
        }
    }

    pub(in crate::options) fn serialize<S: Serializer>(
        value: &SeatPolicy,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.serialize_str(match value {
            SeatPolicy::Auto => "auto",
            SeatPolicy::Edge => "edge",
        })
    }
}

/// The outbox policies by name.
pub(super) mod policy {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::OutboxPolicy;

    const NAMES: [(&str, OutboxPolicy); 3] = [
        ("close", OutboxPolicy::Close),
        ("refuse", OutboxPolicy::Refuse),
        ("drop_oldest", OutboxPolicy::DropOldest),
    ];

    pub(in crate::options) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<OutboxPolicy, D::Error> {
        let text = String::deserialize(deserializer)?;
        let found = NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, policy)| *policy).ok_or_else(|| {
            de::Error::custom(format_args!(
                "\"{text}\": must be close, refuse or drop_oldest"
            ))
        })
    }

    pub(in crate::options) fn serialize<S: Serializer>(
        value: &OutboxPolicy,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        let name = NAMES
            .iter()
            .find(|(_, policy)| policy == value)
            .map_or("close", |(name, _)| name);
        s.serialize_str(name)
    }
}
