// Addresses, requests and answers of chat endpoints, and the file of responses.

#include "train/judge/chat_api.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "train/judge/reply.h"

namespace hewn::test {

TEST_CASE("an endpoint is recognised by its address") {
  const auto is = [](const std::string& url, ChatApi api, const std::string& whole,
                     const std::string& by = "") {
    INFO(url);
    const ChatEndpoint e = chat_endpoint(url, by);
    CHECK(e.api == api);
    CHECK(e.url == whole);
  };
  is("http://localhost:11434", ChatApi::ollama, "http://localhost:11434/api/chat");
  is("http://localhost:11434/", ChatApi::ollama, "http://localhost:11434/api/chat");
  is("http://h/api", ChatApi::ollama, "http://h/api/chat");
  is("http://h/ollama/api/chat", ChatApi::ollama, "http://h/ollama/api/chat");
  is("http://h", ChatApi::ollama, "http://h/api/chat", "ollama");
  is("https://h", ChatApi::openai, "https://h/v1/chat/completions");
  is("https://h/v1/", ChatApi::openai, "https://h/v1/chat/completions");
  is("https://h/v1/chat/completions", ChatApi::openai, "https://h/v1/chat/completions");
  is("http://localhost:11434/v1", ChatApi::openai, "http://localhost:11434/v1/chat/completions");
  is("http://localhost:11434", ChatApi::openai, "http://localhost:11434/v1/chat/completions", "openai");
  for (const char* wrong : {"", "localhost:11434", "ftp://h", "http://", "https:///v1", "file:///etc/passwd"})
    CHECK(fails(ErrorCode::usage, {"url = '"}, [&] { chat_endpoint(wrong, ""); }));
}

TEST_CASE("an address with a query, a fragment or white space is refused") {
  for (const char* url : {"http://h/v1?key=secret", "http://h/v1#secret", "http://h/v1\nsecret"}) {
    const auto failure =
        fails(ErrorCode::usage, {"url = 'http://h/v1' contains a query"}, [&] { chat_endpoint(url, ""); });
    CHECK(failure);
    CHECK(!contains(failure.text, "secret"));
  }
}

TEST_CASE("a key is sent without the line end of its file, and not with one inside") {
  CHECK(api_key_of("secret", "KEY") == "secret");
  CHECK(api_key_of("secret\n", "KEY") == "secret");
  CHECK(api_key_of("secret\r\n", "KEY") == "secret");
  for (const char* wrong : {"a\nb", "a\r\nX-Header: b", "\n\n\n", "a\tb", "a\x7f"})
    CHECK(fails(ErrorCode::usage, {"KEY: the key contains a line end"}, [&] { api_key_of(wrong, "KEY"); }));
}

TEST_CASE("an address is shown without its secrets") {
  CHECK(shown_url("https://me:secret@h/v1?key=secret#x") == "https://h/v1");
  CHECK(shown_url("https://h/a@b") == "https://h/a@b");
  CHECK(shown_url("https://a:b@c@h/x") == "https://h/x");
  CHECK(shown_url("a@b://h/x") == "a@b://h/x");
  CHECK(shown_url("") == "");
}

TEST_CASE("a request holds one message") {
  for (const ChatApi api : {ChatApi::ollama, ChatApi::openai}) {
    const auto request = nlohmann::json::parse(chat_request(api, "m", "say \"x\"\n\xff"));
    CHECK(request["model"] == "m");
    CHECK(request["stream"] == false);
    CHECK(request["messages"].size() == 1);
    CHECK(request["messages"][0]["role"] == "user");
    CHECK(request["messages"][0]["content"] == "say \"x\"\n\xef\xbf\xbd");
  }
}

TEST_CASE("the answers of both forms are read, and others are refused with the reason") {
  CHECK(chat_reply(ChatApi::ollama, R"({"message":{"role":"assistant","content":"85"},"done":true})") ==
        "85");
  CHECK(chat_reply(ChatApi::openai, R"({"choices":[{"message":{"content":"85"}}]})") == "85");
  const auto refused = [](ChatApi api, const std::string& body, const std::string& reason) {
    INFO(body.substr(0, 100));
    CHECK(fails(ErrorCode::input, {reason}, [&] { chat_reply(api, body); }));
  };
  for (const ChatApi api : {ChatApi::ollama, ChatApi::openai}) {
    refused(api, " <!doctype html><html>", "HTML");
    refused(api, R"({"choices":[{"message":{"con)", "not complete JSON");
    refused(api, "", "not complete JSON");
    refused(api, R"({"error":{"message":"no such model"}})", "reports an error: no such model");
    refused(api, R"({"error":"model 'm' not found"})", "reports an error: model 'm' not found");
    refused(api, R"({"error":"no\u007f such\nmodel"})", "reports an error: no  such model");
    for (const std::string body : {R"({"error":{"code":5}})", R"({"error":{"message":5}})"})
      refused(api, body, "reports an error: " + body);
    for (const char* body :
         {"85", "[]", "null", "{}", R"({"choices":[]})", R"({"choices":[{"message":{"content":null}}]})",
          R"({"message":{"content":85}})", R"({"choices":{"message":1}})"})
      refused(api, body, "has no message in the form of " + name_of(api));
    refused(api, std::string(1 << 19, '['), "not complete JSON");
    refused(api, "{\"error\":" + std::string(1 << 19, '[') + std::string(1 << 19, ']') + "}",
            "reports an error");
  }
}

TEST_CASE("responses are read from a list or from lines") {
  const std::string row = R"({"instruction":"add","input":"1+1","output":"2","response":"two","more":1})";
  const auto read = [](const std::string& text) { return responses_in(Table("r.json", text)); };
  for (const std::string& text :
       {"[" + row + "," + row + "]", row + "\n\n" + row + "\r\n", row + "\n" + row}) {
    const auto rows = read(text);
    REQUIRE(rows.size() == 2);
    CHECK(rows[1].instruction == "add");
    CHECK(rows[1].input == "1+1");
    CHECK(rows[1].output == "2");
    CHECK(rows[1].response == "two");
  }
  const auto bare =
      read(R"([{"instruction":"a","response":"b"},{"instruction":"c","response":"d","input":null}])");
  CHECK(bare[0].output.empty());
  CHECK(bare[1].input.empty());
  const auto refused = [&](const std::string& text, const std::string& reason) {
    INFO(text.substr(0, 100));
    CHECK(fails(ErrorCode::input, {reason}, [&] { read(text); }));
  };
  refused(R"([{"instruction":"a"}])", "r.json: has no \"response\"");
  refused("[" + row + R"(,{"instruction":"a"}])", "response");
  refused(R"([{"instruction":["a"],"response":"b"}])", "a list");
}

}  // namespace hewn::test
