use raftwire_protocol::Lane;

/// The lanes that a transport is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lanes {
    /// Both, as in most clusters.
    #[default]
    Both,
    /// This one: the other rides on another transport
    /// ([`SplitClusterTransport`](crate::SplitClusterTransport)).
    Only(Lane),
}

impl Lanes {
    /// Whether the lane is one of them.
    pub fn contains(self, lane: Lane) -> bool {
        match self {
            Self::Both => true,
            Self::Only(only) => only == lane,
        }
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Lane> {
        Lane::ALL
            .into_iter()
            .filter(move |lane| self.contains(*lane))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lane_is_that_lane_and_both_are_all() {
        let only = Lanes::Only(Lane::Data);

        assert!(only.iter().eq([Lane::Data]));
        assert!(!only.contains(Lane::Control));
        assert!(Lanes::default().iter().eq(Lane::ALL));
    }
}
