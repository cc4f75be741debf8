use raftwire_bench::{FanoutReport, Report, StormReport};

use crate::measure::Named;

/// A process or a machine that uses this share of what it has can give no more.
const BUSY_SHARE: f64 = 0.9;

/// Who used how many cores.
#[derive(Debug)]
pub(crate) struct Usage {
    servers: Vec<(String, f64)>,
    generator: f64,
    generator_is_busy: bool,
}

impl Usage {
    pub(crate) fn of_load(report: &Report, names: &[Named]) -> Usage {
        let servers = report
            .servers
            .iter()
            .map(|server| (server.pid, server.cores));
        Usage {
            servers: named(servers, names),
            generator: report.generator.cpu_ns_per_message * report.per_second / 1e9,
            generator_is_busy: report.generator.is_bottleneck,
        }
    }

    pub(crate) fn of_fanout(report: &FanoutReport, names: &[Named]) -> Usage {
        let cpu = report.generator.cpu_ns_per_delivery;
        let servers = report.servers.iter();
        Usage {
            servers: named(servers.map(|server| (server.pid, server.cores)), names),
            generator: cpu * report.deliveries_per_second / 1e9,
            generator_is_busy: report.generator.is_bottleneck,
        }
    }

    pub(crate) fn of_storm(report: &StormReport, names: &[Named]) -> Usage {
        let servers = report
            .servers
            .iter()
            .map(|server| (server.pid, server.cores));
        Usage {
            servers: named(servers, names),
            generator: report.generator.cpu_us_per_connection * report.per_second / 1e6,
            generator_is_busy: report.generator.is_bottleneck,
        }
    }

    /// Who could give no more, and what each used. All share so many cores; `None`: the server has one of its own,
    /// and the generator the others.
    pub(crate) fn bottleneck(&self, shared: Option<usize>) -> String {
        let used: f64 = self.servers.iter().map(|(_, cores)| cores).sum();
        let who = match (shared, used >= BUSY_SHARE, self.generator_is_busy) {
            (None, true, true) => "server and generator",
            (None, true, false) => "server",
            (None, false, true) => "generator",
            (None, false, false) => "nobody",
            (Some(cores), ..) if used + self.generator >= BUSY_SHARE * cores as f64 => {
                "the cores, shared"
            }
            (Some(_), ..) => {
                let busy = self.servers.iter().find(|(_, cores)| *cores >= BUSY_SHARE);
                busy.map_or("nobody", |(name, _)| name)
            }
        };
        let each = self
            .servers
            .iter()
            .map(|(name, cores)| format!("{name} {cores:.2}"));
        let mut each: Vec<_> = each.collect();
        each.push(format!("generator {:.2}", self.generator));
        format!("{who}: {}", each.join(", "))
    }
}

fn named(servers: impl Iterator<Item = (u32, f64)>, names: &[Named]) -> Vec<(String, f64)> {
    let name = |pid: u32| {
        let named = names.iter().find(|named| named.pid == pid);
        named.map_or_else(|| pid.to_string(), |named| named.name.clone())
    };
    servers.map(|(pid, cores)| (name(pid), cores)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(servers: &[f64], generator: f64, generator_is_busy: bool) -> Usage {
        let names = (1..).map(|number| format!("node{number}"));
        Usage {
            servers: names.zip(servers.iter().copied()).collect(),
            generator,
            generator_is_busy,
        }
    }

    #[test]
    fn a_server_with_a_core_of_its_own_is_the_limit_when_it_has_no_more_of_it() {
        let said = usage(&[0.97], 0.6, false).bottleneck(None);
        assert_eq!(said, "server: node1 0.97, generator 0.60");
        let said = usage(&[0.5], 0.99, true).bottleneck(None);
        assert!(said.starts_with("generator: "), "{said}");
    }

    #[test]
    fn those_that_share_cores_are_limited_by_them_or_by_one_that_uses_only_one() {
        let said = usage(&[0.7, 0.6], 0.6, true).bottleneck(Some(2));
        assert!(said.starts_with("the cores, shared: node1 0.70"), "{said}");
        let said = usage(&[0.95, 0.2], 0.3, false).bottleneck(Some(2));
        assert!(said.starts_with("node1: "), "{said}");
        let said = usage(&[0.2, 0.2], 0.2, false).bottleneck(Some(2));
        assert!(said.starts_with("nobody: "), "{said}");
    }
}
