use rand::Rng as _;

pub(crate) fn random_u64() -> u64 {
    rand::rng().next_u64()
}

pub(crate) fn fill_random(bytes: &mut [u8]) {
    rand::rng().fill_bytes(bytes);
}
