use crate::conductor::{Course, conduct, threads};
use crate::machine::open_files_max;
use crate::protocol::message_bytes_min;
use crate::{BenchError, Plan, Report};

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// So many of the senders are connected.
    Opening {
        /// Those that are.
        opened: usize,
        /// All of them.
        of: usize,
    },
    /// It warms up, or is measured.
    Running {
        /// This share of the time is over, 0 to 1.
        share: f64,
    },
}

/// Measures what the plan says. It blocks until that is done, in threads of its own, and tells of its
/// progress a few times a second.
///
/// # Errors
/// See [`BenchError`]. A server that answers wrongly is one; that some connections ended is not, and is in
/// the report.
pub fn run(plan: &Plan, watch: &mut dyn FnMut(Progress)) -> Result<Report, BenchError> {
    check(plan)?;
    let of = plan.scenario.senders();
    let threads = threads(plan.threads, of);
    let course = Course {
        of,
        threads,
        warm_up: plan.warm_up,
        length: plan.length,
        pids: &plan.pids,
    };
    let conducted = conduct(course, plan, watch)?;
    Ok(Report::new(plan, threads, &conducted))
}

/// Fails where this cannot be measured.
pub(crate) fn check(plan: &Plan) -> Result<(), BenchError> {
    use crate::Scenario::{Echo, Lookup, Route};
    let (Echo {
        in_flight, bytes, ..
    }
    | Route {
        in_flight, bytes, ..
    }
    | Lookup {
        in_flight, bytes, ..
    }) = &plan.scenario;
    for (what, count) in [
        ("the number of connections", plan.scenario.senders()),
        ("the number of names", plan.scenario.names()),
        ("the number of messages in flight", *in_flight),
        ("the length of a message", *bytes),
        ("the number of threads", plan.threads.unwrap_or(1)),
        (
            "the length of the measurement",
            plan.length.as_millis() as usize,
        ),
    ] {
        if count == 0 {
            return Err(BenchError::Nothing(what));
        }
    }
    let min = message_bytes_min(&plan.scenario);
    if *bytes < min {
        return Err(BenchError::Short { bytes: *bytes, min });
    }
    if let Route {
        senders_at,
        receivers_at,
        ..
    } = &plan.scenario
        && (receivers_at.iter()).any(|address| address.is_bare() != senders_at.is_bare())
    {
        return Err(BenchError::Bare);
    }
    if let Some(rate) = plan.rate.filter(|rate| !rate.is_finite() || *rate <= 0.0) {
        return Err(BenchError::Rate(rate));
    }
    let (connections, max) = (plan.scenario.connections(), open_files_max());
    if connections > max {
        return Err(BenchError::OpenFiles { connections, max });
    }
    Ok(())
}
