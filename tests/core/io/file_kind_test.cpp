// Files of kinds that no reader takes.

#include "core/io/file_kind.h"

#include <filesystem>

#include "core/io/file.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"

namespace hewn::test {
namespace {

using namespace std::string_literals;

/// The beginning and the end of a zip archive with a file of this name.
std::string zip_of(const std::string& name, const std::string& content = "") {
  const auto entry = std::string(26, '\0') + name;
  return "PK\3\4" + entry + content + "PK\1\2" + entry + "PK\5\6" + std::string(18, '\0');
}

/// ASCII in units of this many bytes.
std::string wide(const std::string& text, size_t width, bool big) {
  std::string out;
  for (const char c : text) {
    if (big) out.append(width - 1, '\0');
    out += c;
    if (!big) out.append(width - 1, '\0');
  }
  return out;
}

}  // namespace

TEST_CASE("kinds of files that are given by mistake are known by their first bytes") {
  const std::string text = "Once upon a time there was a fox.\n";
  std::string tar(300, '\0');
  tar.replace(257, 5, "ustar");
  struct Known {
    std::string bytes;
    const char *name, *advice;
  };
  const Known known[] = {
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a Git LFS pointer",
       "git lfs pull"},
      {"%PDF-1.7\n%\xe2\xe3", "a PDF document", "pdftotext 'my book' 'my book'.txt"},
      {zip_of("mimetype", "application/epub+zip"), "an EPUB book",
       "pandoc -t plain -o 'my book'.txt 'my book'"},
      {zip_of("word/document.xml"), "a Word document", "pandoc"},
      {zip_of("mimetype", "application/vnd.oasis.opendocument.text"), "an OpenDocument text", "pandoc"},
      {zip_of("xl/workbook.xml"), "an Excel workbook", "csv"},
      {zip_of("ppt/presentation.xml"), "an Office document", "libreoffice"},
      {zip_of("archive/data.pkl"), "a PyTorch file", "safetensors"},
      {zip_of("x.npy"), "a NumPy file", "train.bin"},
      {"\x93NUMPY\1", "a NumPy file", "train.bin"},
      {zip_of("book.txt"), "a zip archive", "unzip 'my book'"},
      {"\x1f\x8b\x08\x08", "compressed with gzip", "gzip -dc 'my book' > 'my book'.txt"},
      {"BZh91AY&SY", "compressed with bzip2", "bzip2 -dc"},
      {"\xfd\x37zXZ\0"s, "compressed with xz", "xz -dc"},
      {"\x28\xb5\x2f\xfd", "compressed with Zstandard", "zstd -dc"},
      {tar, "a tar archive", "tar -xf 'my book'"},
      {"PAR1\x15...PAR1", "a Parquet table", "to_json"},
      {"SQLite format 3\0"s, "an SQLite database", "sqlite3"},
      {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document", "libreoffice"},
      {"{\\rtf1\\ansi", "an Office document", "libreoffice"},
      {"\x89PNG\r\n\x1a\n", "an image", "give a text"},
      {"\xff\xd8\xff\xe0", "an image", "give a text"},
      {"GGUF\3\0\0\0"s, "a model in GGUF's format", "hewn sample 'my book'"},
      {"<!DOCTYPE html>\n<html>", "a web page (HTML)", "pandoc -f html"},
      {"\xef\xbb\xbf\n\n <HTML lang=\"en\">", "a web page (HTML)", "<!-- -->"},
      {"\xff\xfe" + wide(text, 2, false), "encoded in UTF-16;",
       "iconv -f UTF-16 -t UTF-8 'my book' > 'my book'.txt"},
      {"\xfe\xff" + wide(text, 2, true), "encoded in UTF-16;", "iconv -f UTF-16 "},
      {"\xff\xfe\0\0"s + wide(text, 4, false), "encoded in UTF-32;", "iconv -f UTF-32 "},
      {wide(text, 2, false), "encoded in UTF-16LE;", "iconv -f UTF-16LE "},
      {wide(text, 2, true), "encoded in UTF-16BE;", "iconv -f UTF-16BE "},
      {wide(text, 4, false), "encoded in UTF-32LE;", "iconv -f UTF-32LE "},
      {wide(text, 4, true), "encoded in UTF-32BE;", "iconv -f UTF-32BE "},
  };
  for (const Known& k : known) {
    INFO(k.name);
    const std::string kind = foreign_kind(k.bytes, "my book");
    CHECK(kind.starts_with(k.name));
    CHECK(contains(kind, k.advice));
    CHECK(
        fails(ErrorCode::input, {"my book: is ", k.name}, [&] { refuse_foreign_kind("my book", k.bytes); }));
  }
}

TEST_CASE("texts, tables and models are of no such kind") {
  const char* const texts[] = {"",
                               "P",
                               "Once upon a time",
                               "PK means private key",
                               "%PD",
                               "<p>html</p>",
                               "<!-- --><html>",
                               "<htmlx>",
                               "PAR1 is a word",
                               "{\"a\": 1}",
                               "version https://example.com",
                               "\xef\xbb\xbf\ttext",
                               "\xd0\xbb\xd0\xb8\xd1\x81\xd0\xb0"};
  for (const char* text : texts) {
    INFO(text);
    CHECK(foreign_kind(text).empty());
  }
  const std::string model = "\x20\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\",\"shape\"}}"s;
  CHECK(foreign_kind(model).empty());
  CHECK(foreign_kind(std::string(100, '\0')).empty());
}

TEST_CASE("numbers may begin with any bytes, but not with a text of another kind") {
  refuse_foreign_text("ids", "\x1f\x8b\x08\x08\0\0"s);
  refuse_foreign_text("ids", wide("abcdefgh", 2, false));
  CHECK(fails(ErrorCode::input, {"ids: is a Git LFS pointer"},
              [] { refuse_foreign_text("ids", "version https://git-lfs.github.com/spec/v1\noid"); }));
}

TEST_CASE("a directory of texts says how to make one file of them") {
  const TempDir dir;
  CHECK(texts_inside(dir.path().string()).empty());
  CHECK(texts_inside((dir / "none").string()).empty());
  write_file(dir / "a.txt", "a");
  write_file(dir / "b.txt", "b");
  write_file(dir / "c.md", "c");
  CHECK(contains(texts_inside(dir.path().string()), "make one file of its 2 .txt files: cat "));
  CHECK(fails(ErrorCode::input, {"is a directory; expected a file; make one file of its 2 .txt files"},
              [&] { MappedFile file(dir.path().string()); }));
}

}  // namespace hewn::test
