//! Pages of other sites, and names that are not this server's.

use sse_server::http::Method;
use sse_server::{Config, Reply, Server};

use crate::support::{Response, Running, config};

const GUARDED: [(&str, &str); 4] =
    [("POST", "/publish/a"), ("POST", "/publish"), ("GET", "/admin/"), ("GET", "/admin/status.json")];

/// A request with these fields; a batch where only that is taken.
fn ask(server: &Running, method: &str, target: &str, fields: &[&str]) -> Response {
    let fields = [fields, &["Content-Type: application/x-ndjson"]].concat();
    server.request(method, target, &fields, if method == "POST" { r#"{"namespace":"/a","data":1}"# } else { "" })
}

#[test]
fn a_page_of_another_site_may_neither_publish_nor_look() {
    let server = Running::new(config());
    for (method, target) in GUARDED {
        for fields in [
            &["Sec-Fetch-Site: cross-site", "Origin: https://evil.example"][..],
            &["Sec-Fetch-Site: same-site", "Origin: http://localhost:3000"],
            &["Sec-Fetch-Site: cross-site"],
            &["Sec-Fetch-Site: nonsense"],
            // A browser too old to say more.
            &["Origin: https://evil.example"],
            &["Origin: null"],
            &["Origin: http://127.0.0.1"],
            &["Origin: \u{e9}"],
            // Passwords are added by browsers themselves.
            &["Sec-Fetch-Site: cross-site", "Authorization: Basic eDp5"],
        ] {
            let response = ask(&server, method, target, fields);
            assert_eq!(response.status, 403, "{method} {target} {fields:?}");
            let words = if method == "POST" { "--cors-origin" } else { "who is connected" };
            assert!(response.problem().contains(words), "{}", response.problem());
        }
        let own = format!("Origin: http://{}", server.address());
        for fields in [
            &[][..],
            &["Sec-Fetch-Site: same-origin", &own],
            &["Sec-Fetch-Site: none"],
            &[&own],
            // What no page can send that hasn't been allowed to.
            &["Sec-Fetch-Site: cross-site", "Origin: https://app.example", "Authorization: Bearer x"],
        ] {
            assert_eq!(ask(&server, method, target, fields).status, 200, "{method} {target} {fields:?}");
        }
    }
    assert_eq!(server.published(), 10);
    // Reading is CORS's business.
    let stream =
        server.request("HEAD", "/subscribe/a", &["Sec-Fetch-Site: cross-site", "Origin: https://any.example"], "");
    assert_eq!(stream.status, 200);
}

/// A link on another page may lead to the admin page; what it shows, it asks for itself.
#[test]
fn a_link_may_lead_to_the_admin_page() {
    let server = Running::new(config());
    let link = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
    assert_eq!(server.request("GET", "/admin/", &link, "").status, 200);
    assert_eq!(server.request("GET", "/admin", &link, "").status, 308);
    assert_eq!(server.request("GET", "/admin/status.json", &link, "").status, 403);
    let frame = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"];
    assert_eq!(server.request("GET", "/admin/", &frame, "").status, 403);
    assert_eq!(server.request("POST", "/publish/a", &link, "").status, 403);
}

#[test]
fn pages_of_listed_origins_may_publish() {
    let cors_origins = ["*", "null", "https://app.example", "*.app.example"].map(str::to_owned).to_vec();
    let server = Running::new(Config { cors_origins, ..config() });
    for (origin, status) in
        [("https://app.example", 200), ("http://x.app.example", 200), ("https://evil.example", 403), ("null", 403)]
    {
        let fields = ["Sec-Fetch-Site: cross-site", &format!("Origin: {origin}")];
        assert_eq!(ask(&server, "POST", "/publish/a", &fields).status, status, "{origin}");
        // Only they may bring a token along.
        let asks = [fields[1], "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization"];
        let preflight = server.request("OPTIONS", "/publish/a", &asks, "");
        let allowed = preflight.header("access-control-allow-headers").unwrap();
        assert_eq!(allowed.contains("Authorization"), status == 200, "{origin}: {allowed}");
        assert_eq!(preflight.header("access-control-allow-methods"), Some("POST, OPTIONS"));
        // What clients are connected is for nobody else's page.
        assert_eq!(ask(&server, "GET", "/admin/status.json", &fields).status, 403, "{origin}");
    }
}

/// DNS rebinding: the page's own name stands for 127.0.0.1, so for its browser it is of the same site.
#[test]
fn on_loopback_the_server_has_no_other_names() {
    let server = Running::new(config());
    let with_host = |target: &str, host: &str| {
        let (method, body) = if target.starts_with("/publish") { ("POST", "x") } else { ("GET", "") };
        server.request_as(method, target, host, &["Sec-Fetch-Site: same-origin"], body)
    };
    for target in ["/publish/a", "/admin/", "/admin/status.json"] {
        for host in ["evil.example", "evil.example:8001", "localhost.evil.example"] {
            let response = with_host(target, host);
            assert_eq!(response.status, 403, "{target} {host}");
            assert!(response.problem().contains("--allowed-host"), "{}", response.problem());
        }
        for host in ["localhost", "LOCALHOST:1", "app.localhost:1", "127.0.0.1", "[::1]:1"] {
            assert_eq!(with_host(target, host).status, 200, "{target} {host}");
        }
        // What the target says goes before `Host`.
        let (method, body) = if target.starts_with("/publish") { ("POST", "x") } else { ("GET", "") };
        let absolute = server.request_as(method, &format!("http://evil.example{target}"), "localhost", &[], body);
        assert_eq!(absolute.status, 403, "{target}");
    }
    assert_eq!(with_host("/subscribe//", "evil.example").status, 400);
    assert_eq!(with_host("/health", "evil.example").status, 200);
}

#[test]
fn other_names_can_be_allowed() {
    let server = Running::new(Config { allowed_hosts: vec!["events.example".to_owned()], ..config() });
    for (host, status) in
        [("events.example:443", 200), ("Events.Example", 200), ("localhost", 200), ("evil.example", 403)]
    {
        assert_eq!(server.request_as("POST", "/publish/a", host, &[], "x").status, status, "{host}");
    }
}

#[test]
fn an_embedder_s_routes_are_its_own() {
    let builder = Server::builder().config(config()).route(Method::POST, "/publish/orders", |_| Reply::text("mine"));
    let server = Running::build(builder);
    let fields = ["Sec-Fetch-Site: cross-site", "Origin: https://evil.example"];
    assert_eq!(server.request_as("POST", "/publish/orders", "evil.example", &fields, "x").body, "mine");
}
