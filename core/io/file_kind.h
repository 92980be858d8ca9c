#pragma once
// Files that are given by mistake: a PDF document in place of a text, a pointer in place of the weights it stands for.

#include <string>
#include <string_view>

namespace hewn {

/// What a file is by its first bytes, if no reader of this program takes it for what it is, and what to do: "a PDF document;
/// save its text: pdftotext book.pdf book.pdf.txt". "" for all others. `path` stands in the commands.
std::string foreign_kind(std::string_view bytes, const std::string& path = "FILE");

/// Whether a text is a web page, after white space and in upper or lower case.
bool is_html(std::string_view bytes);

/// Throws ErrorCode::input, naming the kind and what to do, if the file is of one of these kinds. Readers call it at first
/// if a text could begin like this, otherwise when the bytes are not those of their own format.
void refuse_foreign_kind(const std::string& path, std::string_view bytes);

/// The same for a file of numbers, which may begin with any bytes: only if it begins with text.
void refuse_foreign_text(const std::string& path, std::string_view bytes);
/// The same for a path that no reader has recognised; passes everything but regular files.
void refuse_foreign_file(const std::string& path);

/// "; make one file of its 3 .txt files: cat texts/*.txt > all.text" for a directory with such files, else "".
std::string texts_inside(const std::string& directory);

}  // namespace hewn
