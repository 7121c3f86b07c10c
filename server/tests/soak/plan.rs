//! What is published: each event is made of its sequence, so that everyone knows it and nobody keeps it.
//!
//! Places follow each other in a cycle that is always the same. So it takes no list to say which number an event has in
//! its namespace, or which one comes there next.

use fastrand::Rng;
use sse_core::{Namespace, Pattern};

/// Where events are published: parents, children, and names that are alike in the beginning.
const NAMESPACES: [&str; PLACES] = [
    "/pets",
    "/pets/dogs",
    "/pets/dogs/small",
    "/pets/cats",
    "/pets/cats/small",
    "/petshop",
    "/time",
    "/time/utc",
    "/users/ada",
    "/users/ada/inbox",
    "/users/bob/inbox",
    "/news/sport/small",
];
pub(crate) const PLACES: usize = 12;

/// What clients subscribe to. Some also have a namespace of their own, where nothing is ever published.
const WISHES: [&[&str]; 12] = [
    &["/"],
    &["/pets"],
    &["/pets", "/pets/dogs"],
    &["/pets/*"],
    &["/pets/*/small"],
    &["/*/*/small", "/time"],
    &["/*/dogs", "/users/*"],
    &["/time/utc"],
    &["/petshop", "/pets/cats"],
    &["/users/*/inbox"],
    &["/users/ada"],
    &["/news", "/pets/dogs/small", "/time"],
];

/// Events until the places follow each other again as they did.
const CYCLE: usize = 251;

/// Events have so many bytes of text at most, and any length up to it is as likely: at 300 a second the history of 32 MiB
/// is full in less than four minutes.
const MAX_TEXT_BYTES: usize = 1_000;

pub(crate) struct Plan {
    /// The place of each event of a cycle.
    places: Vec<usize>,
    /// How many events each place has had before each event of a cycle; in the end, in the whole cycle.
    before: Vec<[u64; PLACES]>,
    text: String,
}

/// One event, as it is published and as it must come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Issue<'p> {
    pub(crate) place: usize,
    /// Counts up from 0 in each namespace.
    pub(crate) number: u64,
    text: &'p str,
}

impl Plan {
    pub(crate) fn new() -> Plan {
        let mut random = Rng::with_seed(1);
        // Each place has its turn.
        let mut places: Vec<_> = (0..CYCLE).map(|n| if n < PLACES { n } else { random.usize(..PLACES) }).collect();
        random.shuffle(&mut places);
        let mut before = vec![[0; PLACES]];
        for &place in &places {
            let mut counts = before[before.len() - 1];
            counts[place] += 1;
            before.push(counts);
        }
        let text = (0..2 * MAX_TEXT_BYTES).map(|_| random.alphanumeric()).collect();
        Plan { places, before, text }
    }

    /// The event of this sequence; they begin at 1.
    pub(crate) fn issue(&self, sequence: u64) -> Issue<'_> {
        let place = self.places[(sequence - 1) as usize % CYCLE];
        let mut random = Rng::with_seed(sequence);
        let (from, length) = (random.usize(..MAX_TEXT_BYTES), random.usize(..=MAX_TEXT_BYTES));
        Issue { place, number: self.count(place, sequence - 1), text: &self.text[from..from + length] }
    }

    /// How many events this place has among those through this sequence: the number of the one that comes next.
    pub(crate) fn count(&self, place: usize, through: u64) -> u64 {
        let cycles = through / CYCLE as u64;
        cycles * self.before[CYCLE][place] + self.before[through as usize % CYCLE][place]
    }

    /// About what so many events take in a history.
    pub(crate) fn bytes(events: u64) -> usize {
        events as usize * (MAX_TEXT_BYTES / 2 + 40)
    }
}

impl<'p> Issue<'p> {
    pub(crate) fn namespace(&self) -> &'static str {
        NAMESPACES[self.place]
    }

    pub(crate) fn data(&self) -> String {
        format!("{} {} {}", self.place, self.number, self.text)
    }

    pub(crate) fn parse(data: &'p str) -> Option<Issue<'p>> {
        let (place, rest) = data.split_once(' ')?;
        let (number, text) = rest.split_once(' ')?;
        Some(Issue { place: place.parse().ok().filter(|&place| place < PLACES)?, number: number.parse().ok()?, text })
    }
}

/// What one client asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) target: String,
    pub(crate) covered: [bool; PLACES],
}

impl Wish {
    pub(crate) fn random(random: &mut Rng) -> Wish {
        let wish = WISHES[random.usize(..WISHES.len())];
        let mut patterns: Vec<_> = wish.iter().map(|&pattern| pattern.to_owned()).collect();
        if random.u8(..3) == 0 {
            patterns.push(format!("/visitors/{:x}", random.u64(..)));
        }
        let target = match &patterns[..] {
            [one] => format!("/subscribe{one}"),
            several => format!("/subscribe?namespace={}", several.join("&namespace=")),
        };
        let patterns = wish.iter().map(|pattern| Pattern::parse(pattern).expect("a pattern"));
        let mut covered = [false; PLACES];
        for pattern in patterns {
            for (covered, namespace) in covered.iter_mut().zip(NAMESPACES) {
                *covered |= pattern.covers(&Namespace::parse(namespace).expect("a namespace"));
            }
        }
        Wish { target, covered }
    }
}

#[test]
fn numbers_count_up_in_each_place() {
    let plan = Plan::new();
    let mut counts = [0; PLACES];
    for sequence in 1..=3 * CYCLE as u64 {
        assert_eq!(counts, std::array::from_fn(|place| plan.count(place, sequence - 1)));
        let issue = plan.issue(sequence);
        assert_eq!(issue.number, counts[issue.place]);
        assert_eq!(Issue::parse(&issue.data()), Some(issue));
        counts[issue.place] += 1;
    }
    assert!(counts.iter().all(|&count| count > 0));
}
