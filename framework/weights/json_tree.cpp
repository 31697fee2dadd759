#include "framework/weights/json_tree.h"

#include <algorithm>

#include "framework/fail.h"
#include "framework/weights/bytes.h"
#include "framework/weights/json.h"

namespace upconv::internal {
namespace {

constexpr size_t max_depth = 64;

class TreeBuilder final : public JsonReceiver {
 public:
  TreeBuilder(const std::string& what, size_t max_values) : what_(what), max_values_(max_values) {}

  Json root;

  bool null() override { return add({}); }
  bool boolean(bool value) override { return add({value}); }
  bool number_integer(number_integer_t value) override { return add({value}); }
  bool number_unsigned(number_unsigned_t value) override {
    return value <= INT64_MAX ? add({static_cast<int64_t>(value)}) : add({static_cast<double>(value)});
  }
  bool number_float(number_float_t value, const string_t&) override { return add({value}); }
  bool string(string_t& value) override { return add({std::move(value)}); }
  bool binary(binary_t&) override { return false; }  // which text has none of
  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }
  bool start_object(size_t) override { return enter({Json::Object{}}); }
  bool start_array(size_t) override { return enter({Json::Array{}}); }
  bool end_object() override;
  bool end_array() override {
    around_.pop_back();
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) override {
    refuse_json(position, error, what_);
  }

 private:
  Json& place();
  bool add(Json value) {
    place() = std::move(value);
    return true;
  }
  bool enter(Json value);

  const std::string& what_;
  const size_t max_values_;
  size_t count_ = 0;
  std::vector<Json*> around_;  // none of which grows while something is in it
  std::string key_;            // the one read last
};

/// Where the next value goes.
Json& TreeBuilder::place() {
  if (++count_ > max_values_) fail("{}: expected at most {} values, got more", what_, max_values_);
  if (around_.empty()) return root;
  if (auto* array = std::get_if<Json::Array>(&around_.back()->value)) return array->emplace_back();
  Json::Object& object = std::get<Json::Object>(around_.back()->value);
  object.push_back({std::move(key_), {}});
  return object.back().value;
}

bool TreeBuilder::enter(Json value) {
  if (around_.size() == max_depth) fail("{}: nested more than {} deep", what_, max_depth);
  Json& inner = place();
  inner = std::move(value);
  around_.push_back(&inner);
  return true;
}

bool TreeBuilder::end_object() {
  std::vector<std::string_view> keys;
  for (const auto& [key, value] : std::get<Json::Object>(around_.back()->value)) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  if (const auto twice = std::adjacent_find(keys.begin(), keys.end()); twice != keys.end())
    fail("{}: the key {} occurs twice", what_, shown(*twice));
  around_.pop_back();
  return true;
}

}  // namespace

const Json* Json::find(std::string_view key) const {
  const Object* object = get<Object>();
  if (object == nullptr) return nullptr;
  const auto found = std::find_if(object->begin(), object->end(), [&](const auto& entry) { return entry.key == key; });
  return found == object->end() ? nullptr : &found->value;
}

Json json_tree(std::string_view text, const std::string& what, size_t max_values) {
  TreeBuilder builder(what, max_values);
  parse_json(text, builder, what);
  return std::move(builder.root);
}

}  // namespace upconv::internal
