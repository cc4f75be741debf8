//! The account of every message.

/// What its sender was told of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing yet.
    Open,
    /// It happened.
    Yes,
    /// It did not.
    No,
    /// Nobody knows, or the sender's own socket ended before it was told.
    Unknown,
}

/// One sender and one receiver, from the first message to the last.
#[derive(Debug)]
struct Flow {
    /// Whether sender or receiver was a client of the node that was killed.
    touched: Ends,
    fates: Vec<Fate>,
    /// The numbers in the order in which they arrived.
    received: Vec<u32>,
}

/// Which ends of a flow were killed with their node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) sender: bool,
    pub(super) receiver: bool,
}

/// What a set of flows amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) sent: u64,
    /// Of those: told to be delivered.
    pub(super) acknowledged: u64,
    /// Of those acknowledged: received.
    pub(super) received: u64,
    /// Acknowledged, and never received although the receiver was there.
    pub(super) lost: u64,
    /// Acknowledged, and not received because the receiver was killed with its node.
    pub(super) ended: u64,
    /// Told not to have happened.
    pub(super) not_sent: u64,
    /// Told not to have happened, and received all the same.
    pub(super) untrue: u64,
    /// Unknown to the sender.
    pub(super) unknown: u64,
    /// Received more than once.
    pub(super) repeated: u64,
    /// Received after a later one.
    pub(super) disordered: u64,
}

/// The account of all messages. A number identifies a flow, and a number a message in it.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    flows: Vec<Flow>,
    /// Messages that no flow has sent, or that are none.
    strange: u64,
    /// Sequence numbers of connections that did not follow the one before.
    gaps: u64,
}

impl Ledger {
    /// Opens a flow and returns its number.
    pub(super) fn open(&mut self) -> usize {
        let flow = Flow {
            touched: Ends::default(),
            fates: Vec::new(),
            received: Vec::new(),
        };
        self.flows.push(flow);
        self.flows.len() - 1
    }

    /// The next message of a flow: its number.
    pub(super) fn send(&mut self, flow: usize) -> u32 {
        let fates = &mut self.flows[flow].fates;
        fates.push(Fate::Open);
        fates.len() as u32
    }

    /// What the sender was told.
    pub(super) fn settle(&mut self, flow: usize, number: u32, fate: Fate) {
        self.flows[flow].fates[number as usize - 1] = fate;
    }

    /// A message arrived. Its text is what [`Ledger::text`] made.
    pub(super) fn receive(&mut self, text: &str) {
        let parsed = text.split_once('/').and_then(|(flow, number)| {
            let flow = self.flows.get_mut(flow.parse::<usize>().ok()?)?;
            let number = number.parse::<u32>().ok()?;
            (1..=flow.fates.len() as u32)
                .contains(&number)
                .then_some((flow, number))
        });
        match parsed {
            Some((flow, number)) => flow.received.push(number),
            None => self.strange += 1,
        }
    }

    /// A connection's sequence number did not follow the one before.
    pub(super) fn gap(&mut self) {
        self.gaps += 1;
    }

    /// The text of a message.
    pub(super) fn text(flow: usize, number: u32) -> String {
        format!("{flow}/{number}")
    }

    /// One or both ends of a flow were killed with their node.
    pub(super) fn touch(&mut self, flow: usize, ends: Ends) {
        self.flows[flow].touched = ends;
    }

    /// Whether every message that was acknowledged to a living sender has arrived at its living
    /// receiver, and no outcome is open.
    pub(super) fn is_settled(&self) -> bool {
        self.flows.iter().all(|flow| {
            let tally = flow.tally();
            tally.lost == 0 && !flow.fates.contains(&Fate::Open)
        })
    }

    /// The sum over the flows whose ends all lived (`touched = false`), or over the others.
    pub(super) fn tally(&self, touched: bool) -> Tally {
        let mut sum = Tally::default();
        for flow in &self.flows {
            if (flow.touched != Ends::default()) == touched {
                sum.add(flow.tally());
            }
        }
        sum
    }

    /// What is wrong, in words; empty when the promise was kept.
    pub(super) fn complaints(&self) -> Vec<String> {
        let (living, touched) = (self.tally(false), self.tally(true));
        let both = |of: fn(&Tally) -> u64| of(&living) + of(&touched);
        let wrongs = [
            (both(|tally| tally.lost), "acknowledged and never received"),
            (both(|tally| tally.repeated), "received more than once"),
            (both(|tally| tally.disordered), "received after a later one"),
            (
                both(|tally| tally.untrue),
                "received although the sender was told they were not sent",
            ),
            (
                living.unknown,
                "of unknown outcome between nodes that lived",
            ),
            (self.strange, "received that nobody had sent"),
            (
                self.gaps,
                "with a gap before them in their connection's sequence",
            ),
        ];
        let wrongs = wrongs.into_iter().filter(|(count, _)| *count > 0);
        wrongs
            .map(|(count, what)| format!("{count} messages {what}"))
            .collect()
    }
}

impl Flow {
    fn tally(&self) -> Tally {
        let mut copies = vec![0_u32; self.fates.len()];
        let mut tally = Tally {
            sent: self.fates.len() as u64,
            ..Tally::default()
        };
        let mut highest = 0;
        for number in &self.received {
            let copies = &mut copies[*number as usize - 1];
            *copies += 1;
            if *copies > 1 {
                tally.repeated += 1;
            } else if *number < highest {
                tally.disordered += 1;
            }
            highest = highest.max(*number);
        }
        for (fate, copies) in self.fates.iter().zip(copies) {
            match (fate, copies > 0) {
                (Fate::Yes, true) => tally.received += 1,
                (Fate::Yes, false) if self.touched.receiver => tally.ended += 1,
                (Fate::Yes, false) => tally.lost += 1,
                (Fate::No, true) => tally.untrue += 1,
                (Fate::No, false) => {}
                (Fate::Open | Fate::Unknown, _) => tally.unknown += 1,
            }
            tally.acknowledged += u64::from(*fate == Fate::Yes);
            tally.not_sent += u64::from(*fate == Fate::No);
        }
        tally
    }
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.received += other.received;
        self.lost += other.lost;
        self.ended += other.ended;
        self.not_sent += other.not_sent;
        self.untrue += other.untrue;
        self.unknown += other.unknown;
        self.repeated += other.repeated;
        self.disordered += other.disordered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flow of as many messages as fates, of which `received` arrived.
    fn ledger(fates: &[Fate], received: &[u32]) -> Ledger {
        let mut ledger = Ledger::default();
        let flow = ledger.open();
        for fate in fates {
            let number = ledger.send(flow);
            ledger.settle(flow, number, *fate);
        }
        for number in received {
            ledger.receive(&Ledger::text(flow, *number));
        }
        ledger
    }

    #[test]
    fn a_kept_promise_has_no_complaints() {
        let ledger = ledger(&[Fate::Yes, Fate::No, Fate::Yes], &[1, 3]);
        assert_eq!(ledger.complaints(), Vec::<String>::new());
        assert!(ledger.is_settled());
        assert_eq!(ledger.tally(false).received, 2);
    }

    #[test]
    fn every_broken_promise_is_found() {
        for (fates, received, complaint) in [
            (&[Fate::Yes, Fate::Yes][..], &[1][..], "never received"),
            (&[Fate::Yes], &[1, 1], "more than once"),
            (&[Fate::Yes, Fate::Yes], &[2, 1], "after a later one"),
            (&[Fate::No], &[1], "told they were not sent"),
            (&[Fate::Unknown], &[], "unknown outcome"),
            (&[Fate::Yes], &[1, 2], "nobody had sent"),
        ] {
            let complaints = ledger(fates, received).complaints();
            assert!(
                complaints.len() == 1 && complaints[0].contains(complaint),
                "{complaints:?}"
            );
        }
    }

    #[test]
    fn who_was_killed_is_owed_nothing_more() {
        let mut ledger = ledger(&[Fate::Yes, Fate::Unknown], &[]);
        ledger.touch(
            0,
            Ends {
                sender: false,
                receiver: true,
            },
        );

        assert_eq!(ledger.complaints(), Vec::<String>::new());
        assert_eq!(
            (ledger.tally(true).ended, ledger.tally(true).unknown),
            (1, 1)
        );
        assert_eq!(ledger.tally(false), Tally::default());
    }

    #[test]
    fn a_killed_senders_messages_still_owe_their_acknowledgements() {
        let mut ledger = ledger(&[Fate::Yes, Fate::Unknown], &[]);
        ledger.touch(
            0,
            Ends {
                sender: true,
                receiver: false,
            },
        );
        assert_eq!(ledger.complaints().len(), 1);
    }
}
