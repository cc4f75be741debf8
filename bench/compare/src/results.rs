use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::affinity::Affinity;
use crate::case::Case;
use crate::flags::Flags;
use crate::machine::Machine;
use crate::measure::{Measured, Point};
use crate::peers::Installed;
use crate::row::{Round, Row};
use crate::system::System;
use crate::{plot, table};

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) setting: Setting,
    cases: Vec<Case>,
    entries: Vec<Entry>,
}

/// How it was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Setting {
    pub(crate) command: String,
    pub(crate) machine: Machine,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) crowd: usize,
    /// Whether a single server has a core of its own.
    pub(crate) pinned: bool,
    pub(crate) systems: Vec<Described>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Described {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    pub(crate) acknowledgement: Option<&'static str>,
    /// Why it was not measured.
    pub(crate) missing: Option<String>,
}

#[derive(Debug)]
struct Entry {
    case: String,
    system: System,
    round: Round,
}

/// A case, and what it is told of each system.
#[derive(Debug, Serialize)]
pub(crate) struct Told<'a> {
    pub(crate) name: &'a str,
    pub(crate) title: &'a str,
    #[serde(skip)]
    pub(crate) case: &'a Case,
    pub(crate) rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    setting: &'a Setting,
    cases: &'a [Told<'a>],
}

impl Results {
    pub(crate) fn new(flags: &Flags, installed: &Installed, affinity: &Affinity) -> Results {
        let wanted = flags.systems.iter().filter(|system| {
            let mut cases = flags.cases.iter();
            cases.any(|case| system.takes(case))
        });
        let systems = wanted.map(|system| Described {
            name: system.name(),
            version: system.version(),
            acknowledgement: system.acknowledgement(),
            missing: installed.why_missing(*system),
        });
        let setting = Setting {
            command: match flags.said.as_str() {
                "" => "make bench".to_owned(),
                said => format!("make bench BENCH_FLAGS=\"{said}\""),
            },
            machine: Machine::this(affinity.cores()),
            rounds: flags.rounds,
            seconds: flags.length.as_secs_f64(),
            crowd: flags.crowd,
            pinned: affinity.is_possible(),
            systems: systems.collect(),
        };
        Results {
            setting,
            cases: flags.cases.clone(),
            entries: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, round: usize, case: &Case, system: System, measured: Measured) {
        self.entries.push(Entry {
            case: case.name.clone(),
            system,
            round: Round { round, measured },
        });
    }

    /// What is measured until now, by case.
    pub(crate) fn told(&self) -> Vec<Told<'_>> {
        let told = self.cases.iter().map(|case| Told {
            name: &case.name,
            title: &case.title,
            case,
            rows: self.rows(case),
        });
        told.filter(|told| !told.rows.is_empty()).collect()
    }

    fn rows(&self, case: &Case) -> Vec<Row<'_>> {
        let rounds_of = |system: System, point: Point| {
            let entries = self.entries.iter().filter(move |entry| {
                entry.case == case.name
                    && entry.system == system
                    && entry.round.measured.point == point
            });
            entries.map(|entry| &entry.round).collect::<Vec<_>>()
        };
        let is_pinned = case.work.has_one_server() && self.setting.pinned;
        let cores = (!is_pinned).then_some(self.setting.machine.cores);
        let mut rows = Vec::new();
        for system in System::ALL {
            for point in [Point::Top, Point::Quarter, Point::Half] {
                let rounds = rounds_of(system, point);
                if !rounds.is_empty() {
                    let of = |other| rounds_of(other, point);
                    rows.push(Row::new(case.work, system, point, rounds, of, cores));
                }
            }
        }
        rows
    }

    /// Writes `results.json`, `results.md` and `results.svg` into this folder.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let told = self.told();
        let written = Written {
            setting: &self.setting,
            cases: &told,
        };
        fs::create_dir_all(folder)?;
        fs::write(
            folder.join("results.json"),
            serde_json::to_vec_pretty(&written)?,
        )?;
        fs::write(
            folder.join("results.md"),
            table::write(&self.setting, &told),
        )?;
        fs::write(folder.join("results.svg"), plot::write(&told))
    }
}
