//! Counts for people.

use std::fmt;

use crate::paths::HotPath;
use crate::record::Record;
use crate::verdict::change;

/// A line for each path: instructions, how many more than recorded, what it is.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    paths: &'a [&'static HotPath],
    counted: &'a Record,
    recorded: Option<&'a Record>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(
        paths: &'a [&'static HotPath],
        counted: &'a Record,
        recorded: Option<&'a Record>,
    ) -> Table<'a> {
        Table {
            paths,
            counted,
            recorded,
        }
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "instructions a message, {}, {}",
            self.counted.compiler, self.counted.machine
        )?;
        for path in self.paths {
            let count = self.counted.counts.get(path.name).copied().unwrap_or(0);
            let recorded = self
                .recorded
                .and_then(|record| record.counts.get(path.name));
            let change = match recorded {
                Some(recorded) => format!("{:+.1} %", change(count, *recorded)),
                None => "new".to_owned(),
            };
            let (name, what) = (path.name, path.what);
            write!(f, "\n{name:<20}{count:>8}  {change:>9}  {what}")?;
        }
        Ok(())
    }
}
