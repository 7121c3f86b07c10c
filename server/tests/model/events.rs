//! What is published: each event is made of the seed and its number, so that the model need not keep it.

use fastrand::Rng;

/// Where events are published: one to three deep, some alike in the beginning.
pub(crate) const NAMESPACES: [&str; 14] = [
    "/time",
    "/time/utc",
    "/time/utc/seconds",
    "/time/local",
    "/pets",
    "/pets/dogs",
    "/pets/dogs/small",
    "/pets/cats",
    "/pets/cats/small",
    "/petshop",
    "/users/ada",
    "/users/bob",
    "/users/bob/inbox",
    "/news/sport/small",
];

/// The namespaces whose slow readers are skipped over events; all others' are disconnected.
pub(crate) const SKIPPING: [&str; 2] = ["/time", "/pets/dogs"];

/// Whose events the namespaces get one after the other, so that each gets one.
pub(crate) const IN_TURN: u16 = u16::MAX;

/// No event has more data.
pub(crate) const MAX_DATA_BYTES: usize = 100 << 10;

/// Makes events.
pub(crate) struct Press {
    seed: u64,
    /// What the data are cut from.
    text: String,
}

/// One event, as its publisher hands it in and as clients are to get it.
pub(crate) struct Issue {
    /// An index into [`NAMESPACES`].
    pub(crate) namespace: u8,
    /// Empty: none.
    pub(crate) name: &'static str,
    /// With LF at the end of lines.
    pub(crate) data: String,
    /// What its publisher ends lines with.
    line_end: &'static str,
}

impl Press {
    pub(crate) fn new(seed: u64) -> Press {
        let mut random = Rng::with_seed(seed);
        // Short lines, some of which are empty or begin with a space or a colon.
        let alphabet: Vec<char> = "abcdefghijklmnopqrstuvwxyz0123456789{}\":::    \n\n".chars().collect();
        let text = (0..2 * MAX_DATA_BYTES).map(|_| alphabet[random.usize(..alphabet.len())]).collect();
        Press { seed, text }
    }

    /// What `publisher` publishes as its event of this number.
    pub(crate) fn issue(&self, publisher: u16, number: u32) -> Issue {
        let mut random = Rng::with_seed(self.seed ^ u64::from(publisher) << 40 ^ u64::from(number) << 1);
        let namespace = match publisher {
            IN_TURN => number as usize % NAMESPACES.len(),
            // Those whose readers are skipped have most, so that they are.
            _ if random.bool() => random.usize(..4),
            _ => random.usize(..NAMESPACES.len()),
        };
        // Most events are small; one in a few hundred is larger than what a reader is given in one turn.
        let most = [0, 100, 200, 200, 200, 300, 400, 800, 4 << 10, 32 << 10][random.usize(..10)];
        let most = if random.u16(..400) == 0 { MAX_DATA_BYTES - 64 } else { most };
        let length = random.usize(..=most);
        let from = random.usize(..MAX_DATA_BYTES);
        Issue {
            namespace: u8::try_from(namespace).expect("there are a few namespaces"),
            name: ["", "", "tick", "größe"][random.usize(..4)],
            data: format!("🐕 {publisher}/{number}\n{}", &self.text[from..from + length]),
            line_end: ["\n", "\n", "\r\n", "\r"][random.usize(..4)],
        }
    }
}

impl Issue {
    pub(crate) fn path(&self) -> &'static str {
        NAMESPACES[usize::from(self.namespace)]
    }

    /// The data as they are handed in.
    pub(crate) fn manuscript(&self) -> String {
        self.data.replace('\n', self.line_end)
    }
}

/// What one reader asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) patterns: Vec<String>,
}

impl Wish {
    /// One to four patterns, each of which covers some namespace.
    pub(crate) fn random(random: &mut Rng) -> Wish {
        let count = [1, 1, 2, 2, 3, 4][random.usize(..6)];
        let skips = random.u8(..3) == 0;
        Wish { patterns: (0..count).map(|_| pattern(random, skips)).collect() }
    }

    /// The path and query of its request.
    pub(crate) fn target(&self, random: &mut Rng) -> String {
        match &self.patterns[..] {
            [one] if random.bool() => format!("/subscribe{one}"),
            several => {
                let named: Vec<_> = several.iter().map(|pattern| format!("namespace={pattern}")).collect();
                format!("/subscribe?{}", named.join("&"))
            }
        }
    }

    /// Which of the [`NAMESPACES`] it covers.
    pub(crate) fn covered(&self) -> Vec<bool> {
        NAMESPACES.iter().map(|path| self.patterns.iter().any(|pattern| covers(pattern, path))).collect()
    }

    /// Whether it is skipped over events when it is slow: each of its patterns must be.
    pub(crate) fn is_skipped(&self) -> bool {
        self.patterns.iter().all(|pattern| SKIPPING.iter().any(|prefix| is_beneath(pattern, prefix)))
    }
}

/// A namespace or the beginning of one, with some segments left open.
fn pattern(random: &mut Rng, skips: bool) -> String {
    let namespace = loop {
        let namespace = NAMESPACES[random.usize(..NAMESPACES.len())];
        if !skips || SKIPPING.iter().any(|prefix| is_beneath(namespace, prefix)) {
            break namespace;
        }
    };
    let fixed = if skips { SKIPPING.iter().find(|prefix| is_beneath(namespace, prefix)) } else { None };
    let fixed = fixed.map_or(0, |prefix| segments(prefix).count());
    // Deep ones rather, or the patterns of one reader would lie within each other.
    let all = segments(namespace).count();
    let depth = random.usize(fixed..=all).max(random.usize(fixed..=all));
    let open = |(index, segment)| if index >= fixed && random.u8(..4) == 0 { "*" } else { segment };
    let kept: Vec<_> = segments(namespace).take(depth).enumerate().map(open).collect();
    format!("/{}", kept.join("/"))
}

/// The rule, once more: a pattern covers what it matches and everything below.
fn covers(pattern: &str, namespace: &str) -> bool {
    let mut below = segments(namespace);
    segments(pattern).all(|wanted| below.next().is_some_and(|segment| wanted == "*" || wanted == segment))
}

fn is_beneath(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}
