//! A small message that would be a very large one takes no more memory than the largest that is allowed.

use miniz_oxide::deflate::compress_to_vec;
use raftwire_websocket::{Decoder, Inflater, ProtocolError, Role};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// What the bomb would be.
const INFLATED_BYTES: usize = 256 << 20;

/// What came, what was inflated of it while it moved once to have more room, and the inflater.
const PEAK_BYTES_MAX: usize = INFLATED_BYTES / 1_000 + 2 * MESSAGE_BYTES_MAX + 128 * 1024;

#[test]
fn a_bomb_is_refused_and_takes_no_more_memory_than_a_message() {
    let bomb = compress_to_vec(&vec![0; INFLATED_BYTES], 9);
    assert!(bomb.len() < MESSAGE_BYTES_MAX / 3);
    let mut wire = vec![0xc2, 127];
    wire.extend_from_slice(&(bomb.len() as u64).to_be_bytes());
    wire.extend_from_slice(&bomb);
    drop(bomb);

    let profiler = dhat::Profiler::builder().testing().build();
    let mut decoder = Decoder::new(Role::Client, MESSAGE_BYTES_MAX);
    let refused = decoder.decode_inflating(&mut &wire[..], &mut Inflater::default());
    let peak = dhat::HeapStats::get().max_bytes;
    drop(profiler);

    let max = MESSAGE_BYTES_MAX;
    assert_eq!(refused, Err(ProtocolError::TooLarge { max }));
    assert!(
        peak > MESSAGE_BYTES_MAX / 2,
        "{peak} bytes: it was inflated"
    );
    assert!(peak <= PEAK_BYTES_MAX, "{peak} bytes");
}
