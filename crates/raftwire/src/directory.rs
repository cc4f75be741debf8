//! Who owns which connection: made from the agreed members, read by everybody, written by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use raftwire_consensus::{ClusterState, Liveness, Member, NameRow};
use raftwire_link::LinkIdentity;
use raftwire_protocol::{Boot, CloseCode, MintedId, Name, NodeId, Session, Slot};
use raftwire_transport::ClusterTransport;
use tokio::sync::watch;

use crate::address_book::AddressBook;
use crate::connection::{ConnectionTable, Delivery};
use crate::facts::{Facts, RemoteFacts};
use crate::peer::{Death, LinkTarget, PeerHandle, PeerRegistry, Standing};

/// Where a message for a connection goes.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// To a connection of this node.
    Here,
    /// To the link of a living member.
    At(PeerHandle),
    /// Nowhere now: the owner is dead, or has stopped.
    Down(NodeId),
    /// Nowhere ever: the process that minted the id has ended.
    Gone,
    /// Nowhere now: this node keeps as many peers as it can, and the owner is not among them.
    Unreachable,
    /// This node has not heard of such a process.
    Unknown,
}

#[derive(Clone, Debug)]
enum Place {
    Here,
    At(PeerHandle),
    Down(NodeId),
    Unreachable,
}

/// A living node other than this one, as a message for many connections sees it.
#[derive(Clone, Debug)]
pub(crate) enum FanPlace {
    At {
        peer: PeerHandle,
        /// What it holds; `None` where that is not known, as there is no link.
        facts: Option<Arc<RemoteFacts>>,
    },
    /// This node keeps as many peers as it can.
    Unreachable(NodeId),
}

/// One state of the directory. Immutable: readers keep it as long as they like.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    by_slot: BTreeMap<Slot, (Boot, Place)>,
    /// What it was made from: names are read here as well, without a lock.
    state: Arc<ClusterState>,
    fan_places: Vec<FanPlace>,
}

impl Directory {
    /// All living nodes but this one.
    pub(crate) fn fan_places(&self) -> &[FanPlace] {
        &self.fan_places
    }

    /// The index of the log that it was made from.
    pub(crate) fn applied_index(&self) -> u64 {
        self.state.applied_index
    }

    /// The row of a name, on a node with the log.
    pub(crate) fn name(&self, name: &Name) -> Option<NameRow> {
        self.state.name(name)
    }

    /// Decides where an id's messages go.
    pub(crate) fn route(&self, id: &MintedId) -> Route {
        let Some((boot, place)) = self.by_slot.get(&id.slot()) else {
            return Route::Unknown;
        };
        match id.boot().cmp(boot) {
            std::cmp::Ordering::Less => Route::Gone,
            std::cmp::Ordering::Greater => Route::Unknown,
            std::cmp::Ordering::Equal => match place {
                Place::Here => Route::Here,
                Place::At(peer) => Route::At(peer.clone()),
                Place::Down(node) => Route::Down(node.clone()),
                Place::Unreachable => Route::Unreachable,
            },
        }
    }
}

/// The one task that writes the directory.
#[derive(Debug)]
pub(crate) struct DirectoryWriter {
    local: NodeId,
    session: Session,
    registry: Arc<PeerRegistry>,
    table: Arc<ConnectionTable>,
    delivery: Delivery,
    facts: Arc<Facts>,
    directory: Arc<ArcSwap<Directory>>,
    applied: watch::Sender<u64>,
    addresses: AddressBook,
}

impl DirectoryWriter {
    pub(crate) fn new(
        (local, session): (NodeId, Session),
        registry: Arc<PeerRegistry>,
        (table, delivery, facts): (Arc<ConnectionTable>, Delivery, Arc<Facts>),
        directory: Arc<ArcSwap<Directory>>,
        applied: watch::Sender<u64>,
        transport: Arc<dyn ClusterTransport>,
    ) -> DirectoryWriter {
        DirectoryWriter {
            addresses: AddressBook::new(local.clone(), transport),
            local,
            session,
            registry,
            table,
            delivery,
            facts,
            directory,
            applied,
        }
    }

    /// Runs until consensus has stopped.
    pub(crate) async fn run(mut self, mut state: watch::Receiver<Arc<ClusterState>>) {
        loop {
            let current = Arc::clone(&state.borrow_and_update());
            // First: a link to a new member waits for the channel that comes of it.
            self.addresses.update(&current);
            self.write(&current);
            if state.changed().await.is_err() {
                return;
            }
        }
    }

    fn write(&self, state: &Arc<ClusterState>) {
        let local = state
            .members
            .get(&self.local)
            .filter(|member| member.session == self.session);
        if let Some(member) = local {
            self.mint_as(member);
            // Before anything can arrive for this incarnation.
            self.table.outdate_names(member.joined_at);
        }
        // Before the links hear of it: each finds the copy that it is to keep.
        self.follow(state, local);
        let mut by_slot = BTreeMap::new();
        let mut fan_places = Vec::new();
        for (node, member) in &state.members {
            let place = if *node != self.local {
                self.peer(node, member, local)
            } else if local.is_some() {
                Place::Here
            } else {
                // The row of the process before this one, or of another that has the name.
                Place::Unreachable
            };
            fan_places.extend(self.fan_place(node, member, &place));
            by_slot.insert(member.slot, (member.boot, place));
        }
        for (node, peer) in self.registry.all() {
            if !state.members.contains_key(&node) {
                peer.set_removed(state.removed_at(&node));
            }
        }
        self.directory.store(Arc::new(Directory {
            by_slot,
            state: Arc::clone(state),
            fan_places,
        }));
        // After the store: whoever waits for the index finds what it stands for.
        self.applied.send_replace(state.applied_index);
    }

    /// The ids that this process mints are the ones that the log issued to it. It issues others to one
    /// that was removed while it was cut off and has joined again: no node finds what has an id of
    /// before, so those connections are sent elsewhere.
    fn mint_as(&self, member: &Member) {
        if !self.table.mint_as(member.slot, member.boot) {
            return;
        }
        let is_old = |id: &MintedId| (id.slot(), id.boot()) != (member.slot, member.boot);
        let old: Vec<_> = self.table.ids().into_iter().filter(is_old).collect();
        tracing::warn!(
            connections = old.len(),
            "this node was removed while it ran, and has joined as a new one: its clients are sent \
             to reconnect"
        );
        for id in old {
            self.delivery.close(&id, CloseCode::GOING_AWAY);
        }
    }

    /// Keeps copies of the facts of the living, and drops those of the dead.
    fn follow(&self, state: &ClusterState, local: Option<&Member>) {
        let others = state.members.iter();
        let living = others
            .filter(|(node, member)| **node != self.local && member.is_alive())
            .map(|(node, member)| {
                let identity = self.target(node, member, local).identity;
                (node.clone(), (member.incarnation, identity))
            });
        let incarnation = local
            .filter(|local| local.is_alive())
            .map(|local| local.incarnation);
        self.facts.follow(incarnation, &living.collect());
    }

    fn fan_place(&self, node: &NodeId, member: &Member, place: &Place) -> Option<FanPlace> {
        match place {
            Place::At(peer) => Some(FanPlace::At {
                peer: peer.clone(),
                facts: self.facts.of(node),
            }),
            Place::Unreachable if member.is_alive() && *node != self.local => {
                Some(FanPlace::Unreachable(node.clone()))
            }
            Place::Unreachable | Place::Here | Place::Down(_) => None,
        }
    }

    /// Keeps the link to one peer as the members say, and says where its messages go.
    fn peer(&self, node: &NodeId, member: &Member, local: Option<&Member>) -> Place {
        let is_alive = member.is_alive();
        // The dead need no task; one that there is learns of the death.
        let peer = if is_alive {
            self.registry.get_or_create(node)
        } else {
            self.registry.get(node)
        };
        if let Some(peer) = &peer {
            peer.set_target(self.target(node, member, local));
        }
        match peer {
            _ if !is_alive => Place::Down(node.clone()),
            Some(peer) => Place::At(peer.handle.clone()),
            None => Place::Unreachable,
        }
    }

    fn target(&self, node: &NodeId, member: &Member, local: Option<&Member>) -> LinkTarget {
        let local_standing = local.map(|local| standing(&self.local, local));
        let identity = local
            .filter(|local| local.is_alive() && member.is_alive())
            .map(|local| LinkIdentity {
                local_session: self.session,
                remote_session: member.session,
                local_incarnation: local.incarnation,
                remote_incarnation: member.incarnation,
            });
        LinkTarget {
            identity,
            local: local_standing,
            remote: Some(standing(node, member)),
            is_over: false,
        }
    }
}

fn standing(node: &NodeId, member: &Member) -> Standing {
    let ended_at = match member.liveness {
        Liveness::Dead { at, .. } => Some(at),
        Liveness::Alive => member.predecessor.map(|predecessor| predecessor.ended_at),
    };
    Standing {
        incarnation: member.incarnation,
        is_alive: member.is_alive(),
        last_death: ended_at.map(|index| Death {
            node: node.clone(),
            index,
        }),
    }
}
