//! The document and its viewer, as a browser asks for them.

use axum::http::HeaderMap;
use axum::response::Response;

use super::access_tests::{Served, served};

async fn get(served: &mut Served, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, Vec<u8>) {
    let answer: Response = served.ask("GET", path, headers, "").await;
    let (parts, body) = answer.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 22).await.unwrap();
    (parts.status.as_u16(), parts.headers, bytes.to_vec())
}

#[tokio::test]
async fn the_viewer_answers_under_every_prefix_without_a_token_and_names_no_other_host() {
    let mut served = served(&[("API_PREFIX", "/falcon")]).await;
    for prefix in ["", "/api", "/falcon"] {
        let (status, headers, page) = get(&mut served, &format!("{prefix}/docs"), &[]).await;
        let page = String::from_utf8(page).unwrap();
        assert_eq!(status, 200, "{prefix}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'self';") && !policy.contains("http"),
            "{policy}"
        );
        assert!(!page.contains("//"), "an address of another host: {page}");
        let files = page
            .split("\"docs/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        let files: Vec<&str> = files.collect();
        assert_eq!(files.len(), 4, "{files:?}");
        for file in files {
            let (status, headers, bytes) = get(&mut served, &format!("{prefix}/docs/{file}"), &[]).await;
            assert_eq!(status, 200, "{file}");
            assert!(!bytes.is_empty() && headers["x-content-type-options"] == "nosniff");
            let kind = headers["content-type"].to_str().unwrap();
            assert!(
                ["text/css", "text/javascript", "image/png"]
                    .iter()
                    .any(|k| kind.starts_with(k)),
                "{kind}"
            );
        }
        let (status, headers, _) = get(&mut served, &format!("{prefix}/docs/"), &[]).await;
        assert_eq!((status, headers["location"].to_str().unwrap()), (308, "../docs"));
        let (status, _, document) = get(&mut served, &format!("{prefix}/openapi.json"), &[]).await;
        let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
        assert_eq!((status, document), (200, super::openapi()));
    }
    for unknown in [
        "/docs/index.html",
        "/docs/..%2f..%2fetc%2fpasswd",
        "/docs/swagger-initializer.js",
    ] {
        assert_eq!(get(&mut served, unknown, &[]).await.0, 404, "{unknown}");
    }
}

#[tokio::test]
async fn who_has_the_document_is_not_sent_it_again() {
    let mut served = served(&[]).await;
    let (_, headers, _) = get(&mut served, "/openapi.json", &[]).await;
    assert_eq!(headers["cache-control"], "public, max-age=300");
    let tag = headers["etag"].to_str().unwrap();
    let (status, headers, body) = get(&mut served, "/openapi.json", &[("if-none-match", tag)]).await;
    assert_eq!((status, body.len()), (304, 0));
    assert_eq!(headers["etag"].to_str().unwrap(), tag);
}
