//! What `GET /metrics` answers, read by the rules of the format's page.

use std::collections::BTreeMap;

use raftwire_environment::Environment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// `GET /metrics`: the head and the body of the answer.
pub async fn scrape(port: u16, header: &str) -> (String, String) {
    let mut stream = Environment::real()
        .connect("127.0.0.1", port)
        .await
        .unwrap();
    let request =
        format!("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
    (head.to_owned(), body.to_owned())
}

pub type Labels = BTreeMap<String, String>;

/// Everything of one exposition, read by the rules of the format's page.
#[derive(Debug, Default)]
pub struct Exposition {
    pub help: BTreeMap<String, String>,
    pub kinds: BTreeMap<String, String>,
    pub series: BTreeMap<(String, Labels), f64>,
}

impl Exposition {
    /// What a node tells now.
    pub async fn of(port: u16) -> Exposition {
        let (head, body) = scrape(port, "").await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        Exposition::parse(&body)
    }

    pub fn parse(text: &str) -> Exposition {
        assert!(text.ends_with('\n'), "the last line ends");
        let mut parsed = Exposition::default();
        let mut current = "";
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, words) = help.split_once(' ').expect(line);
                assert!(is_metric_name(name), "{line}");
                let before = parsed.help.insert(name.to_owned(), words.to_owned());
                assert!(before.is_none(), "told twice: {line}");
                current = name;
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect(line);
                assert_eq!(name, current, "the type follows the help");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                parsed.kinds.insert(name.to_owned(), kind.to_owned());
            } else {
                let (name, labels, value) = sample(line);
                let metric = parsed.metric_of(&name);
                assert_eq!(metric, current, "series stand below their type");
                let before = parsed.series.insert((name, labels), value);
                assert!(before.is_none(), "a series twice: {line}");
            }
        }
        parsed.check_histograms(text);
        parsed
    }

    /// The metric that a series belongs to: those of a histogram have longer names.
    pub fn metric_of<'a>(&self, series: &'a str) -> &'a str {
        let is_histogram = |name: &&str| self.kinds.get(*name).is_some_and(|it| it == "histogram");
        let suffixes = ["_bucket", "_sum", "_count"].into_iter();
        let mut names = suffixes.filter_map(|suffix| series.strip_suffix(suffix));
        names.find(is_histogram).unwrap_or(series)
    }

    /// Buckets come in the order of their bounds, hold what the ones before hold, and end with one that
    /// holds everything; the sum and the count follow them.
    fn check_histograms(&self, text: &str) {
        let mut buckets: BTreeMap<(String, Labels), Vec<(f64, f64)>> = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, mut labels, count) = sample(line);
            let metric = self.metric_of(&name);
            if metric == name || !name.ends_with("_bucket") {
                continue;
            }
            let bound = labels.remove("le").expect(line).parse().expect(line);
            let key = (metric.to_owned(), labels);
            buckets.entry(key).or_default().push((bound, count));
        }
        let histograms = self.kinds.iter().filter(|(_, kind)| *kind == "histogram");
        for (name, _) in histograms {
            assert!(
                buckets.keys().any(|(it, _)| it == name),
                "{name}: no bucket"
            );
        }
        for ((name, labels), buckets) in buckets {
            let pairs = || buckets.windows(2);
            assert!(
                pairs().all(|pair| pair[0].0 < pair[1].0),
                "{name}: {buckets:?}"
            );
            assert!(
                pairs().all(|pair| pair[0].1 <= pair[1].1),
                "{name}: {buckets:?}"
            );
            let all = *buckets.last().expect("a bucket");
            let part = |suffix| {
                self.series
                    .get(&(format!("{name}{suffix}"), labels.clone()))
            };
            assert_eq!(all.0, f64::INFINITY, "{name}: {buckets:?}");
            assert_eq!(part("_count"), Some(&all.1), "{name}");
            assert!(part("_sum").is_some(), "{name} has no sum");
        }
    }

    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let labels = labels.iter().map(owned).collect();
        self.series.get(&(name.to_owned(), labels)).copied()
    }
}

pub fn is_metric_name(name: &str) -> bool {
    let first = name.chars().next();
    first.is_some_and(|c| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// `name{label="value",…} 1`
fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).expect(line);
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, value) = rest.split_once("=\"").expect(line);
            assert!(is_metric_name(label), "{line}");
            let (value, after) = unescaped(value);
            let before = labels.insert(label.to_owned(), value);
            assert!(before.is_none(), "a label twice: {line}");
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None => {
                    rest = after.strip_prefix('}').expect(line);
                    break;
                }
            }
        }
    }
    let value = rest.strip_prefix(' ').expect(line);
    (name.to_owned(), labels, value.parse().expect(line))
}

/// The text up to the quote that ends it, and what follows.
fn unescaped(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => match characters.next().expect("something escaped").1 {
                'n' => value.push('\n'),
                other => {
                    assert!(matches!(other, '\\' | '"'), "{text}");
                    value.push(other);
                }
            },
            other => value.push(other),
        }
    }
    panic!("a value without an end: {text}")
}
