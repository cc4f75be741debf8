//! Links in pairs, over lanes that lose, repeat, reorder, refuse and delay, in virtual time.

mod delivery;
mod expiry;
mod lane;
mod pair;
mod properties;
mod settlement;
mod strangers;
mod wire;
