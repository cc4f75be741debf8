use raftwire_bench::RouteAnswer;

/// Connections of an echo.
const CONNECTIONS: usize = 100;
/// Messages of a connection that wait for their answer.
const IN_FLIGHT: usize = 16;
/// A routed message.
const ROUTED_BYTES: usize = 128;
/// Senders where the latency is measured.
const LATENCY_SENDERS: usize = 100;

/// Messages of a fan-out that are written at once.
const BURST: usize = 8;

/// Something that each system is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// As it is asked for, in words with dashes.
    pub(crate) name: String,
    /// As a heading.
    pub(crate) title: String,
    pub(crate) work: Work,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Echo(Echo),
    /// From clients of one node to clients of another, as fast as answers come.
    Route(Route),
    /// The same at a quarter and at half of the rate that the system reaches.
    Latency(Route),
    /// From one client to many.
    Fanout(Fanout),
    /// Connections that open, many at once.
    Storm,
    /// Connections that are held.
    Idle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Echo {
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
    pub(crate) bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) senders: usize,
    pub(crate) in_flight: usize,
    pub(crate) bytes: usize,
    pub(crate) answer: RouteAnswer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fanout {
    pub(crate) receivers: usize,
    /// Messages that are written at once.
    pub(crate) burst: usize,
    pub(crate) bytes: usize,
    /// Servers over which the receivers are spread.
    pub(crate) nodes: usize,
}

impl Case {
    /// Whether this is its name, or the beginning of it.
    pub(crate) fn is_meant_by(&self, name: &str) -> bool {
        let rest = self.name.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

impl Work {
    /// Whether one server does it: it and the generator have cores of their own.
    pub(crate) fn has_one_server(self) -> bool {
        match self {
            Work::Echo(_) | Work::Storm | Work::Idle => true,
            Work::Fanout(fanout) => fanout.nodes == 1,
            Work::Route(_) | Work::Latency(_) => false,
        }
    }
}

/// All of them, in order.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = echoes();
    cases.extend(routes());
    cases.extend(fanouts());
    cases.push(Case {
        name: "storm".to_owned(),
        title: "Connections opened as fast as the server takes them".to_owned(),
        work: Work::Storm,
    });
    cases.push(Case {
        name: "idle".to_owned(),
        title: "Connections that have said one message and are held".to_owned(),
        work: Work::Idle,
    });
    cases
}

fn echoes() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, title, bytes) in [
        ("64", "64 B", 64),
        ("1k", "1 KiB", 1024),
        ("64k", "64 KiB", 64 * 1024),
    ] {
        cases.push(Case {
            name: format!("echo-{name}"),
            title: format!("Echo, {title}, {CONNECTIONS} connections, {IN_FLIGHT} in flight each"),
            work: Work::Echo(Echo {
                connections: CONNECTIONS,
                in_flight: IN_FLIGHT,
                bytes,
            }),
        });
    }
    cases
}

fn routes() -> Vec<Case> {
    let mut cases = Vec::new();
    let answers = [
        ("acknowledged", "acknowledged", RouteAnswer::Result),
        ("forgotten", "fire and forget", RouteAnswer::Arrival),
    ];
    let route = |senders, answer| Route {
        senders,
        in_flight: IN_FLIGHT,
        bytes: ROUTED_BYTES,
        answer,
    };
    for (name, title, answer) in answers {
        for senders in [1, 100, 1_000] {
            let whom = if senders == 1 { "sender" } else { "senders" };
            cases.push(Case {
                name: format!("route-{name}-{senders}"),
                title: format!(
                    "From node to node, {title}, {ROUTED_BYTES} B, {senders} {whom}, {IN_FLIGHT} in flight each"
                ),
                work: Work::Route(route(senders, answer)),
            });
        }
    }
    for (name, title, answer) in answers {
        cases.push(Case {
            name: format!("latency-{name}"),
            title: format!(
                "Latency from node to node, {title}, {ROUTED_BYTES} B, {LATENCY_SENDERS} senders, at a quarter and at half of the system's own top rate"
            ),
            work: Work::Latency(route(LATENCY_SENDERS, answer)),
        });
    }
    cases
}

fn fanouts() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, whom, receivers, nodes) in [
        ("2000", "2,000 receivers", 2_000, 1),
        ("19000", "19,000 receivers", 19_000, 1),
        ("nodes", "6,000 receivers on each of three nodes", 18_000, 3),
    ] {
        for (burst_name, burst_title, burst) in [
            ("single", "one message at a time", 1),
            ("burst", "bursts of 8", BURST),
        ] {
            cases.push(Case {
                name: format!("fanout-{name}-{burst_name}"),
                title: format!("Fan-out, {ROUTED_BYTES} B to {whom}, {burst_title}"),
                work: Work::Fanout(Fanout {
                    receivers,
                    burst,
                    bytes: ROUTED_BYTES,
                    nodes,
                }),
            });
        }
    }
    cases
}
