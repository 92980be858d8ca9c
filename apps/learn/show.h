#pragma once
// Chapters on a terminal and as a page.

#include <string>

#include "apps/learn/course.h"

namespace hewn::cli::learn {

/// The list of chapters, with what is done.
std::string chapter_list();
/// Names the command that shows the first chapter that is not done, or says that all are.
void say_next_chapter();
/// A chapter as text, in lines of `width` columns; of a picture, its caption.
std::string chapter_text(const Chapter& chapter, int width);
/// All chapters and the glossary as one HTML page.
std::string whole_course_page();

}  // namespace hewn::cli::learn
