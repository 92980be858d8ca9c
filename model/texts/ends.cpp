#include "model/texts/ends.h"

#include <algorithm>

namespace hewn {

TextForm with_ends(TextForm form, std::vector<int32_t> ends) {
  ends.insert(ends.end(), form.ends.begin(), form.ends.end());
  if (form.begin) ends.push_back(*form.begin);
  form.ends.clear();
  for (const int32_t end : ends)
    if (std::find(form.ends.begin(), form.ends.end(), end) == form.ends.end()) form.ends.push_back(end);
  return form;
}

}  // namespace hewn
