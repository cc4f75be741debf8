/// Digits of a connection's number in its name, so that all names of a crowd have one length.
pub(crate) const NAME_DIGITS: usize = 8;

/// What the connection with this number is called.
pub(crate) fn name_of(prefix: &str, number: usize) -> String {
    format!("{prefix}{number:0NAME_DIGITS$}")
}
