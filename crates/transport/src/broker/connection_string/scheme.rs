/// What an error may show of a scheme that is not known: whoever forgot the scheme of something else may
/// have put a password before `://`.
pub fn shown_scheme(scheme: &str) -> String {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match scheme.bytes().all(is_word) {
        true => scheme.to_owned(),
        false => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_password_is_not_shown() {
        assert_eq!(shown_scheme("http"), "http");
        assert_eq!(shown_scheme("user:p@ss@host/x"), "…");
    }
}
