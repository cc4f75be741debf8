//! A whole network in memory, for tests.
