//! Part of Raftwire.
