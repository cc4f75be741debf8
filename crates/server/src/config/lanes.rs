//! Which transport carries which lane, and what follows of it.

use raftwire::{Lane, Timings};

use super::ServerOptions;

/// What can carry a lane. All but the first go through a broker.
pub(super) const TRANSPORTS: [&str; 3] = [DIRECT, "redis", "rabbitmq"];

/// The transport between the nodes themselves, with nobody in between.
pub(super) const DIRECT: &str = "ws";

/// How long elections and leases take over a transport.
pub(crate) fn timings_of(transport: &str) -> Timings {
    match transport {
        DIRECT => Timings::direct(),
        _ => Timings::broker(),
    }
}

/// Settings of which transport carries what that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LaneConflict {
    /// A transport that carries nothing.
    #[error(
        "transport_type = \"{transport}\" carries nothing, because control = \"{control}\" and data = \
         \"{data}\" are set: remove transport_type, or the one of the two that it is to stand for"
    )]
    Unused {
        /// `transport_type`.
        transport: String,
        /// The control lane's transport.
        control: String,
        /// The data lane's transport.
        data: String,
    },
    /// A broker is to be used that is not named.
    #[error(
        "{key} = \"{transport}\" needs {missing}: set {variable}, or {missing} in the configuration file"
    )]
    NoBroker {
        /// The key that asks for it.
        key: &'static str,
        /// The transport.
        transport: String,
        /// The key that names the broker.
        missing: &'static str,
        /// Its variable.
        variable: &'static str,
    },
    /// Nobody could be dialled for a lane that needs it.
    #[error(
        "{key} = \"ws\", and none of the other nodes in `nodes` has an address: the broker finds nodes \
         by their names for the other lane, but for this one write at least one of them as \
         ws://host:port/nodeId"
    )]
    NoAddress {
        /// The key that asks for it.
        key: &'static str,
    },
}

impl LaneConflict {
    /// The key whose place is to be mended.
    pub(super) fn key(&self) -> &'static str {
        match self {
            LaneConflict::Unused { .. } => "transport_type",
            LaneConflict::NoBroker { key, .. } | LaneConflict::NoAddress { key } => key,
        }
    }
}

impl ServerOptions {
    /// Whether a transport carries anything.
    pub fn rides_on(&self, transport: &str) -> bool {
        Lane::ALL
            .iter()
            .any(|lane| self.cluster.transport_of(*lane) == transport)
    }

    /// Whether each lane has a transport of its own.
    pub fn is_split(&self) -> bool {
        self.cluster.transport_of(Lane::Control) != self.cluster.transport_of(Lane::Data)
    }

    /// The key that says what carries a lane.
    pub(super) fn key_of(&self, lane: Lane) -> &'static str {
        let own = match lane {
            Lane::Control => &self.cluster.control,
            Lane::Data => &self.cluster.data,
        };
        match own {
            Some(_) => lane.as_str(),
            None => "transport_type",
        }
    }

    /// The key that should name a transport's broker and does not, and its variable.
    fn missing_broker(&self, transport: &str) -> Option<(&'static str, &'static str)> {
        match transport {
            "redis" if self.redis_connection_string.is_none() => Some((
                "redis_connection_string",
                "RAFTWIRE_REDIS_CONNECTION_STRING",
            )),
            "rabbitmq" if self.rabbitmq_connection_string.is_none() => Some((
                "rabbitmq_connection_string",
                "RAFTWIRE_RABBITMQ_CONNECTION_STRING",
            )),
            _ => None,
        }
    }

    /// How long elections and leases take over the transport that carries them.
    pub(super) fn timings_of_lanes(&self) -> Timings {
        timings_of(self.cluster.transport_of(Lane::Control))
    }

    /// Checks that what is set of the lanes fits together; `names_transport` tells whether somebody
    /// has set `transport_type`.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub(super) fn check_lanes(&self, names_transport: bool) -> Result<(), LaneConflict> {
        let cluster = &self.cluster;
        if let (true, Some(control), Some(data)) =
            (names_transport, &cluster.control, &cluster.data)
            && !self.rides_on(&cluster.transport_type)
        {
            return Err(LaneConflict::Unused {
                transport: cluster.transport_type.clone(),
                control: control.clone(),
                data: data.clone(),
            });
        }
        for lane in Lane::ALL {
            let (key, transport) = (self.key_of(lane), cluster.transport_of(lane));
            if let Some((missing, variable)) = self.missing_broker(transport) {
                return Err(LaneConflict::NoBroker {
                    key,
                    transport: transport.to_owned(),
                    missing,
                    variable,
                });
            }
            let others = cluster.nodes.iter();
            let mut others = others.filter(|node| Some(&node.node) != cluster.node_id.as_ref());
            let is_lonely =
                others.clone().next().is_some() && others.all(|node| node.endpoint.is_none());
            if transport == DIRECT && self.is_split() && is_lonely {
                return Err(LaneConflict::NoAddress { key });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(nodes: &[&str]) -> ServerOptions {
        let mut options = ServerOptions::default();
        options.cluster.node_id = Some("node1".parse().unwrap());
        options.cluster.nodes = nodes.iter().map(|node| node.parse().unwrap()).collect();
        options.cluster.data = Some("redis".to_owned());
        options.redis_connection_string = Some("127.0.0.1:6379".parse().unwrap());
        options
    }

    #[test]
    fn timings_are_those_of_the_control_lanes_transport() {
        let mut options = split(&[]);
        assert_eq!(options.timings_of_lanes(), Timings::direct());

        options.cluster.control = options.cluster.data.take();
        assert_eq!(options.timings_of_lanes(), Timings::broker());
    }

    #[test]
    fn direct_lane_beside_a_broker_needs_an_address() {
        let addresses = ["node1", "ws://127.0.0.1:5001/node2", "node3"];
        assert_eq!(split(&addresses).check_lanes(false), Ok(()));
        assert_eq!(split(&["node1"]).check_lanes(false), Ok(()));

        let refused = split(&["node1", "node2"]).check_lanes(false);
        let key = "transport_type";
        assert_eq!(refused, Err(LaneConflict::NoAddress { key }));
    }

    #[test]
    fn transport_that_carries_nothing_is_refused_if_somebody_has_set_it() {
        let mut options = split(&[]);
        options.cluster.control = Some("redis".to_owned());

        assert_eq!(options.check_lanes(false), Ok(()));
        let refused = options.check_lanes(true);
        assert!(matches!(refused, Err(LaneConflict::Unused { .. })));
    }
}
