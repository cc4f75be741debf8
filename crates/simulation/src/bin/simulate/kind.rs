//! What is run: a kind of scenario, and what its nodes do wrong on purpose.

use clap::ValueEnum;
use raftwire::WrongVariants;
use raftwire_simulation::Scenario;

/// The seeds of a batch have this in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) wrong: Option<Wrong>,
}

/// Kinds of scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Everything is drawn from the seed.
    Drawn,
    /// Nodes that crash again and again during elections.
    ElectionStorm,
    /// A network that loses and repeats.
    RepeatingNetwork,
    /// Nodes that reach each other, but not the leader.
    LeaderlessPairs,
    /// Two nodes, cut apart again and again.
    TwoHalves,
    /// Four nodes, cut in the middle again and again.
    FourHalves,
    /// A leader that is killed.
    LeaderKilled,
    /// Nodes that are lost, removed, and come back as new members.
    Removals,
    /// A secret that is exchanged node by node.
    NewSecret,
    /// Disks that are slow, up to hanging for seconds.
    SlowDisks,
}

/// What nodes do wrong on purpose, to see it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wrong {
    /// They do not persist their votes.
    ForgetVote,
    /// They deliver what was repeated as often as it arrives.
    SkipDedupe,
    /// They act as if their lease held for ever.
    IgnoreFence,
}

impl Plan {
    pub(crate) fn scenario(self, seed: u64) -> Scenario {
        let mut scenario = self.kind.scenario(seed);
        if let Some(wrong) = self.wrong {
            wrong.apply(&mut scenario.wrong);
        }
        scenario
    }

    /// The arguments with which this program runs one seed.
    pub(crate) fn arguments(self, seed: u64) -> Vec<String> {
        let mut arguments = Vec::new();
        if self.kind != Kind::Drawn {
            arguments.extend(["--scenario".to_owned(), name(self.kind)]);
        }
        if let Some(wrong) = self.wrong {
            arguments.extend(["--wrong".to_owned(), name(wrong)]);
        }
        arguments.extend(["--seed".to_owned(), seed.to_string()]);
        arguments
    }

    /// How to run a seed again.
    pub(crate) fn again(self, seed: u64) -> String {
        if self.kind == Kind::Drawn && self.wrong.is_none() {
            return format!("make simulate SEEDS=1 FIRST={seed}");
        }
        self.command(seed)
    }

    /// How to run a seed without make.
    pub(crate) fn command(self, seed: u64) -> String {
        let arguments = self.arguments(seed).join(" ");
        format!("cargo run --release -p raftwire-simulation -- {arguments}")
    }
}

fn name(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or(String::new(), |value| value.get_name().to_owned())
}

impl Kind {
    fn scenario(self, seed: u64) -> Scenario {
        match self {
            Kind::Drawn => Scenario::draw(seed),
            Kind::ElectionStorm => Scenario::election_storm(seed),
            Kind::RepeatingNetwork => Scenario::repeating_network(seed),
            Kind::LeaderlessPairs => Scenario::leaderless_pairs(seed),
            Kind::TwoHalves => Scenario::cut_in_half(seed, 2),
            Kind::FourHalves => Scenario::cut_in_half(seed, 4),
            Kind::LeaderKilled => Scenario::leader_killed(seed),
            Kind::Removals => Scenario::removals(seed),
            Kind::NewSecret => Scenario::new_secret(seed),
            Kind::SlowDisks => Scenario::slow_disks(seed),
        }
    }
}

impl Wrong {
    fn apply(self, variants: &mut WrongVariants) {
        match self {
            Wrong::ForgetVote => variants.forget_vote = true,
            Wrong::SkipDedupe => variants.skip_dedupe = true,
            Wrong::IgnoreFence => variants.ignore_fence = true,
        }
    }
}
