use std::fmt;

/// The wire and state version that this build writes where the whole cluster speaks it.
pub const WIRE_VERSION: u32 = 1;

/// The oldest version that this build speaks.
const WIRE_VERSION_MIN: u32 = 1;

/// The wire and state versions that a node speaks.
///
/// The cluster speaks one version, a part of the agreed facts. It is raised when every living
/// member speaks the next one, so that a cluster is upgraded node by node; a node that does not
/// speak it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireVersions {
    /// The oldest.
    pub min: u32,
    /// The newest.
    pub max: u32,
}

impl WireVersions {
    /// What this build speaks.
    pub const CURRENT: WireVersions = WireVersions {
        min: WIRE_VERSION_MIN,
        max: WIRE_VERSION,
    };

    /// Whether the version is one of them.
    pub fn contains(self, version: u32) -> bool {
        (self.min..=self.max).contains(&version)
    }

    /// As they are written down: the first version as nothing, which is what the first version wrote.
    pub(crate) fn to_wire(self) -> (u32, u32) {
        let written = |version| if version == 1 { 0 } else { version };
        (written(self.min), written(self.max))
    }

    /// A node that says nothing of versions is of the first.
    pub(crate) fn from_wire(min: u32, max: u32) -> WireVersions {
        WireVersions {
            min: min.max(1),
            max: max.max(1),
        }
    }
}

impl Default for WireVersions {
    fn default() -> Self {
        WireVersions::CURRENT
    }
}

impl fmt::Display for WireVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            return write!(f, "{}", self.min);
        }
        write!(f, "{} to {}", self.min, self.max)
    }
}
