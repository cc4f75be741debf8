//! What names mean after which commands.

mod cluster;
mod model;
mod rules;
