//! Finding and parsing a request head.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use sse_net::proto::{HeadScanner, Limits, parse_head};

const CURL: &str =
    "GET /subscribe/pets HTTP/1.1\r\nHost: localhost:8001\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";

const CHROMIUM: &str = "GET /subscribe/pets/dogs HTTP/1.1\r\n\
    Host: localhost:8001\r\n\
    Connection: keep-alive\r\n\
    Cache-Control: no-cache\r\n\
    sec-ch-ua-platform: \"Linux\"\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept: text/event-stream\r\n\
    sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\n\
    sec-ch-ua-mobile: ?0\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Sec-Fetch-Mode: cors\r\n\
    Sec-Fetch-Dest: empty\r\n\
    Referer: http://localhost:8001/admin/\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Last-Event-ID: 5f3a-1234567\r\n\r\n";

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request head");
    let limits = Limits::default();
    for (client, head) in [("curl", CURL), ("Chromium", CHROMIUM)] {
        group.throughput(Throughput::Bytes(head.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(client), head.as_bytes(), |bencher, head| {
            bencher.iter(|| {
                let end = HeadScanner::default().find_end(black_box(head), &limits).expect("well formed");
                parse_head(&head[..end.expect("whole")], &limits).expect("well formed")
            });
        });
    }
}
