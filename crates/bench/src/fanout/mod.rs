//! One sender, many receivers: when each of them has each message.

mod arrivals;
mod payload;
mod plan;
mod receiver;
mod report;
mod sender;
mod shared;
mod worker;

pub use plan::{FanoutPlan, FanoutServerKind};
pub use report::{FanoutGenerator, FanoutReport, FanoutServer};

use crate::conductor::{Course, conduct, threads};
use crate::{BenchError, Progress};
use worker::FanoutWork;

/// Measures what the plan says. It blocks until that is done.
///
/// # Errors
/// See [`BenchError`]. That a receiver misses a message or gets one out of turn is one; that some connections of
/// receivers ended is not, and is in the report.
pub fn fanout(
    plan: &FanoutPlan,
    watch: &mut dyn FnMut(Progress),
) -> Result<FanoutReport, BenchError> {
    plan.check()?;
    let threads = threads(plan.threads, plan.receivers);
    let course = Course {
        of: plan.receivers,
        threads,
        warm_up: plan.warm_up,
        length: plan.length,
        pids: &plan.pids,
    };
    let conducted = conduct(course, &FanoutWork::new(plan, threads), watch)?;
    if conducted.tally.latency.count() == 0 {
        return Err(BenchError::failed(
            "no message arrived while it was measured: measure longer, or send less at once",
        ));
    }
    Ok(FanoutReport::new(plan, threads, &conducted))
}
