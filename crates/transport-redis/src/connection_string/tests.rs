use raftwire_transport::broker::InvalidOption;

use super::*;

fn parse(text: &str) -> RedisConnectionString {
    match text.parse() {
        Ok(string) => string,
        Err(error) => panic!("{text}: {error}"),
    }
}

fn refused(text: &str) -> String {
    match text.parse::<RedisConnectionString>() {
        Ok(string) => panic!("{text}: {string:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn plain_servers_have_the_usual_port() {
    let string = parse("redis1, redis2:6380,[::1]:6381");

    assert_eq!(
        string.to_string(),
        "redis://redis1:6379,redis2:6380,[::1]:6381"
    );
    assert!(!string.tls());
    assert!(string.waits_for_broker());
    assert_eq!(string.password(), None);
}

#[test]
fn url_gives_server_login_and_tls() {
    let string = parse("rediss://app:p%40ss%3A%2C%25@redis.example.org:6390/3");

    assert_eq!(string.to_string(), "rediss://redis.example.org:6390");
    assert!(string.tls());
    assert_eq!(string.user(), Some("app"));
    assert_eq!(string.password(), Some("p@ss:,%"));

    let string = parse("redis://:only@[fe80::1]");
    assert_eq!((string.user(), string.password()), (None, Some("only")));
    assert_eq!(string.to_string(), "redis://[fe80::1]:6379");

    let string = parse("redis://a,b:1?connectTimeout=1500&sslHost=c&abortConnect=true");
    assert_eq!(string.connect_timeout(), Duration::from_millis(1500));
    assert_eq!(string.tls_host(), Some("c"));
    assert!(!string.waits_for_broker());
}

#[test]
fn sentinels_have_their_own_port_and_name_their_master() {
    let string = parse("redis-sentinel://:pw@s1,s2:26380/main");
    assert_eq!(
        string.to_string(),
        "redis-sentinel://s1:26379,s2:26380/main"
    );
    assert_eq!(string.service(), Some("main"));

    assert_eq!(
        parse("s1,serviceName=main").to_string(),
        "redis-sentinel://s1:26379/main"
    );
    assert!(refused("redis-sentinel://s1").contains("name of the master"));
}

#[test]
fn string_of_a_csharp_application_is_read() {
    let string = parse(
        "contoso.redis.cache.windows.net:6380,password=abc/def=,user=app,ssl=True,\
         abortConnect=False,defaultDatabase=2,connectTimeout=5000,syncTimeout=1000,\
         allowAdmin=true,keepAlive=60,name=shop,channelPrefix=shop:,$CLIENT=,proxy=None",
    );

    assert_eq!(
        string.to_string(),
        "rediss://contoso.redis.cache.windows.net:6380"
    );
    assert_eq!(string.user(), Some("app"));
    assert_eq!(string.password(), Some("abc/def="));
    assert_eq!(string.connect_timeout(), Duration::from_secs(5));
    assert_eq!(string.channel_prefix(), "shop:");
    assert!(string.waits_for_broker());
}

#[test]
fn unknown_option_is_named_with_the_nearest_one() {
    for (text, name, nearest) in [
        ("h,pasword=x", "pasword", "password"),
        ("h,sslhots=x", "sslhots", "sslHost"),
        (
            "redis://h?conectTimeout=1",
            "conectTimeout",
            "connectTimeout",
        ),
        ("h,database=1", "database", "defaultDatabase"),
    ] {
        let error: Result<RedisConnectionString, _> = text.parse();
        assert_eq!(
            error,
            Err(InvalidRedisConnectionString::Option(
                InvalidOption::Unknown {
                    name: name.to_owned(),
                    nearest
                }
            ))
        );
    }
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    for (text, word) in [
        ("", "no server"),
        ("password=x", "no server"),
        ("redis://", "no server"),
        ("http://h", "http"),
        ("h:0", "server 1"),
        ("a,h:x", "server 2"),
        ("h h", "server 1"),
        ("redis://h/x", "defaultDatabase"),
        ("redis://:%4@h", "password"),
        ("h,ssl=maybe", "ssl"),
        ("h,connectTimeout=0", "connectTimeout"),
        ("h,connectTimeout=3s", "connectTimeout"),
        ("h,tunnel=http:x", "tunnel"),
        ("h,proxy=Twemproxy", "proxy"),
        ("h,checkCertificateRevocation=true", "revocation"),
        ("h,channelPrefix={x}", "channelPrefix"),
    ] {
        let error = refused(text);
        assert!(error.contains(word), "{text:?}: {error}");
    }
}

#[test]
fn secrets_are_shown_nowhere() {
    const SECRET: &str = "hunter2";
    for text in [
        "redis://bob-hunter2:hunter2@h/1",
        "h,user=hunter2,password=hunter2",
        "rediss-sentinel://:hunter2@h/main",
    ] {
        let string = parse(text);
        assert!(!format!("{string:?} {string}").contains(SECRET), "{text}");
    }
    for text in [
        "redis://:hunter2%zz@h",
        "redis://u:pa/hunter2@h",
        "redis://u:hunter2/pass@h",
        "redis://u:a?hunter2=@h",
        "h,password=a,hunter2",
        "h,password=a,hunter2,ssl=true",
        "h hunter2",
        "u:hunter2:h",
        "u:hunter2@h:1",
        "u:hunter2://h",
        "h,connectTimeout=hunter2",
        "h,ssl=hunter2",
        "redis://h/hunter2",
    ] {
        if let Err(error) = text.parse::<RedisConnectionString>() {
            let is_option_name = text == "redis://u:a?hunter2=@h";
            let shown = format!("{error} {error:?}");
            assert!(is_option_name || !shown.contains(SECRET), "{text}: {shown}");
        }
    }
}
