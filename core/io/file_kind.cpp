#include "core/io/file_kind.h"

#include <algorithm>
#include <cctype>

#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"

namespace hewn {
namespace {

using namespace std::string_view_literals;

/// A kind of file, by the bytes at `at` and, of archives, a name near their beginning or end. In `what`, its name and what
/// to do, FILE stands for its path.
struct FileKind {
  std::string_view first, what, inside = {};
  size_t at = 0;
};

constexpr std::string_view zip = "PK\3\4", image = "an image; give a text instead";
constexpr std::string_view array = "a NumPy file; save token ids by ids.astype('uint16').tofile('train.bin')";
constexpr std::string_view office =
    "an Office document; save its text: libreoffice --headless --convert-to txt:Text FILE";
constexpr std::string_view parquet =
    "a Parquet table; save its rows: python3 -c 'import pandas, sys; pandas.read_parquet(sys.argv[1])"
    ".to_json(\"rows.jsonl\", orient=\"records\", lines=True)' FILE";
constexpr std::string_view web_page =
    "a web page (HTML); if it was saved in place of another file, download that file itself; for the page's "
    "text: pandoc -f html -t plain -o FILE.txt FILE; to keep the markup, put a comment, <!-- -->, before it";

constexpr FileKind kinds[] = {
    {"version https://git-lfs.github.com/spec/",
     "a Git LFS pointer, not the file that it stands for; fetch that by `git lfs pull`, or download it"},
    {"%PDF-", "a PDF document; save its text: pdftotext FILE FILE.txt"},
    {zip, "an EPUB book; save its text: pandoc -t plain -o FILE.txt FILE", "application/epub+zip"},
    {zip, "a Word document; save its text: pandoc -t plain -o FILE.txt FILE", "word/document.xml"},
    {zip, "an OpenDocument text; save its text: pandoc -t plain -o FILE.txt FILE", "opendocument.text"},
    {zip, "an Excel workbook; save a table: libreoffice --headless --convert-to csv FILE", "xl/workbook"},
    {zip, "a PyTorch file; give the directory of its model, with config.json and safetensors", "/data.pkl"},
    {zip, office, "ppt/presentation"},
    {zip, array, ".npy"},
    {zip, "a zip archive; unpack it: unzip FILE"},
    {"\x93NUMPY", array},
    {"\x1f\x8b\x08", "compressed with gzip; decompress it: gzip -dc FILE > FILE.txt"},
    {"1AY&SY", "compressed with bzip2; decompress it: bzip2 -dc FILE > FILE.txt", "", 4},
    {"\xfd\x37zXZ\0"sv, "compressed with xz; decompress it: xz -dc FILE > FILE.txt"},
    {"\x28\xb5\x2f\xfd", "compressed with Zstandard; decompress it: zstd -dc FILE > FILE.txt"},
    {"ustar", "a tar archive; unpack it: tar -xf FILE", "", 257},
    {"PAR1", parquet, "PAR1"},
    {"SQLite format 3\0"sv,
     "an SQLite database; save its table x: sqlite3 -csv -header FILE 'SELECT * FROM x' > x.csv"},
    {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", office},
    {"{\\rtf1", office},
    {"\x89PNG\r\n", image},
    {"\xff\xd8\xff", image},
    {"GGUF\3\0"sv, "a model in GGUF's format; give it where a model is expected: hewn sample FILE"},
};

bool is_of(std::string_view bytes, const FileKind& kind) {
  constexpr size_t near = 65536;
  if (bytes.size() <= kind.at || !bytes.substr(kind.at).starts_with(kind.first)) return false;
  const std::string_view rest = bytes.substr(kind.at + kind.first.size());
  return rest.substr(0, near).find(kind.inside) != rest.npos ||
         rest.substr(rest.size() - std::min(rest.size(), near)).find(kind.inside) != rest.npos;
}

/// The name that iconv has for an encoding in units of 2 or 4 bytes, by its mark or by units that are nearly all ASCII.
std::string_view wide_encoding(std::string_view bytes) {
  struct Wide {
    std::string_view name, mark;
    size_t width, low;  // bytes of a unit, and which of them is the least significant one
  };
  constexpr Wide all[] = {{"UTF-32LE", "\xff\xfe\0\0"sv, 4, 0},
                          {"UTF-32BE", "\0\0\xfe\xff"sv, 4, 3},
                          {"UTF-16LE", "\xff\xfe", 2, 0},
                          {"UTF-16BE", "\xfe\xff", 2, 1}};
  for (const auto& [name, mark, width, low] : all) {
    if (bytes.starts_with(mark)) return name.substr(0, 6);
    const size_t units = std::min(bytes.size() / width, size_t{128});
    size_t ascii = 0;
    for (size_t at = 0; at < units * width; at += width) {
      const auto c = static_cast<unsigned char>(bytes[at + low]);
      const auto zeros = std::count(bytes.begin() + at, bytes.begin() + at + width, '\0');
      ascii += (std::isprint(c) || std::isspace(c)) && static_cast<size_t>(zeros) == width - 1;
    }
    if (units >= 4 && ascii * 10 >= units * 9) return name;
  }
  return "";
}

}  // namespace

bool is_html(std::string_view bytes) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  bytes.remove_prefix(std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size()));
  std::string begin(bytes.substr(0, 14));
  std::transform(begin.begin(), begin.end(), begin.begin(), [](unsigned char c) { return std::tolower(c); });
  return begin == "<!doctype html" || begin.starts_with("<html>") || begin.starts_with("<html ");
}

std::string foreign_kind(std::string_view bytes, const std::string& path) {
  const auto kind = std::find_if(std::begin(kinds), std::end(kinds),
                                 [&](const FileKind& some) { return is_of(bytes, some); });
  const std::string_view encoding = wide_encoding(bytes);
  std::string what(kind != std::end(kinds) ? kind->what : is_html(bytes) ? web_page : "");
  if (what.empty() && !encoding.empty())
    what = join("encoded in ", encoding, "; convert it: iconv -f ", encoding, " -t UTF-8 FILE > FILE.txt");
  const std::string word = shell_word(path);
  for (size_t at = 0; (at = what.find("FILE", at)) != what.npos; at += word.size()) what.replace(at, 4, word);
  return what;
}

void refuse_foreign_kind(const std::string& path, std::string_view bytes) {
  if (const std::string kind = foreign_kind(bytes, path); !kind.empty())
    fail(ErrorCode::input, path, ": is ", kind);
}

void refuse_foreign_text(const std::string& path, std::string_view bytes) {
  const std::string_view begin = bytes.substr(0, 16);
  if (std::all_of(begin.begin(), begin.end(), [](unsigned char c) { return std::isprint(c) || c == '\n'; }))
    refuse_foreign_kind(path, bytes);
}

void refuse_foreign_file(const std::string& path) {
  if (path_is_file(path)) refuse_foreign_kind(path, MappedFile(path).text());
}

std::string texts_inside(const std::string& directory) {
  std::error_code ignored;
  const auto entries = entries_of(directory, ignored);
  const auto texts = std::count_if(entries.begin(), entries.end(),
                                   [](const fs::path& p) { return p.extension() == ".txt"; });
  return texts == 0 ? ""
                    : join("; make one file of its ", texts, " .txt files: cat ", shell_word(directory),
                           "/*.txt > all.text");
}

}  // namespace hewn
