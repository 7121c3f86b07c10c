//! SHA-256 (FIPS 180-4), for the test that holds the policies to the pages: a crate would be more than that is worth.

/// The digest in base64, as a policy has it.
pub(super) fn sha256_base64(text: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| char::from(ALPHABET[bits as usize & 63]);
    let mut base64 = String::new();
    for bytes in sha256(text).chunks(3) {
        let bits = bytes.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - bytes.len()));
        (0..=bytes.len()).for_each(|at| base64.push(digit(bits >> (18 - 6 * at))));
        (bytes.len()..3).for_each(|_| base64.push('='));
    }
    base64
}

fn sha256(text: &[u8]) -> [u8; 32] {
    let constants: Vec<u32> = constants().collect();
    let mut hash: [u32; 8] = [2, 3, 5, 7, 11, 13, 17, 19].map(|prime| fraction_of_root(prime, 2));
    let mut message = text.to_vec();
    message.push(0x80);
    message.resize((message.len() + size_of::<u64>()).next_multiple_of(64), 0);
    let length_at = message.len() - 8;
    message[length_at..].copy_from_slice(&(8 * text.len() as u64).to_be_bytes());
    for block in message.chunks(64) {
        let mut words: Vec<u32> =
            block.chunks(4).map(|bytes| bytes.iter().fold(0, |word, &byte| word << 8 | u32::from(byte))).collect();
        for at in 16..64 {
            let (early, late) = (words[at - 15], words[at - 2]);
            let early = early.rotate_right(7) ^ early.rotate_right(18) ^ early >> 3;
            let late = late.rotate_right(17) ^ late.rotate_right(19) ^ late >> 10;
            words.push(words[at - 16].wrapping_add(early).wrapping_add(words[at - 7]).wrapping_add(late));
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = hash;
        for (word, constant) in words.into_iter().zip(&constants) {
            let (rotated, choice) = (e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25), e & f ^ !e & g);
            let first = [rotated, choice, *constant, word].into_iter().fold(h, u32::wrapping_add);
            let rotated = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let second = rotated.wrapping_add(a & b ^ a & c ^ b & c);
            (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(first), c, b, a, first.wrapping_add(second));
        }
        for (sum, part) in hash.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut digest = [0; 32];
    digest.chunks_mut(4).zip(hash).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_be_bytes()));
    digest
}

/// From the first 64 primes' cube roots.
fn constants() -> impl Iterator<Item = u32> {
    let is_prime = |n: &u32| (2..*n).all(|divisor| !n.is_multiple_of(divisor));
    (2..).filter(is_prime).take(64).map(|prime| fraction_of_root(prime, 3))
}

/// The first 32 bits of the fraction of a root: the largest number whose power is no more than `number`, in units of 2⁻³².
fn fraction_of_root(number: u32, degree: u32) -> u32 {
    // Eight binary digits before the point are plenty for a root of 311, and its cube stays within 128 bits.
    let power = |root: u128| (0..degree).try_fold(1u128, |power, _| power.checked_mul(root));
    let scaled = u128::from(number) << (32 * degree);
    let root = (0..37).rev().fold(0u128, |root, bit| {
        let next = root | 1 << bit;
        if power(next).is_some_and(|power| power <= scaled) { next } else { root }
    });
    root as u32 // its lower half
}

#[test]
fn digests_are_those_of_the_standard() {
    for (text, digest) in [
        ("", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ("abc", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
        ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "JI1qYdIGOLjlwCaTDD5gOaM85Flk/yFn9uzt1BnbBsE="),
    ] {
        assert_eq!(sha256_base64(text.as_bytes()), digest, "{text}");
    }
}
