// Piko for C++: what the program does, for as long as an object lives. See piko.h, which this stands on.
//
//     void serve(const request &request) {
//         piko::task task("request");
//         piko::label route("route", request.route());
//         {
//             piko::region parse(task, "parse");
//             ...
//         }
//         piko::log(task, "path", request.path());
//     }
//
// C++11, header only; nothing throws or allocates. Objects belong on the stack of the thread that makes them, but for
// tasks, which may be moved anywhere.
#ifndef PIKO_PIKO_HPP
#define PIKO_PIKO_HPP

#include <piko/piko.h>

#include <string>

namespace piko {

// Work that may cross threads, from here to the end of the object.
class task {
public:
    explicit task(const char *type, uint64_t parent = 0) noexcept : number_(piko_task_begin(parent, type)) {}
    task(const char *type, const task &parent) noexcept : task(type, parent.number_) {}
    task(task &&other) noexcept : number_(other.number_) { other.number_ = 0; }
    task &operator=(task &&other) noexcept {
        if (this != &other) {
            end();
            number_ = other.number_;
            other.number_ = 0;
        }
        return *this;
    }
    task(const task &) = delete;
    task &operator=(const task &) = delete;
    ~task() { end(); }

    // Ends it now. What is done in its name later counts to no task.
    void end() noexcept {
        if (number_)
            piko_task_end(number_);
        number_ = 0;
    }
    // For piko.h's functions; 0 = it has ended.
    uint64_t number() const noexcept { return number_; }

private:
    uint64_t number_;
};

// A part of what this thread does, within a task or none. `type` has to live as long: a literal does.
class region {
public:
    explicit region(const char *type) noexcept : task_(0), type_(type) { piko_region_begin(task_, type_); }
    region(const task &task, const char *type) noexcept : task_(task.number()), type_(type) {
        piko_region_begin(task_, type_);
    }
    region(const region &) = delete;
    region &operator=(const region &) = delete;
    ~region() { piko_region_end(task_, type_); }

private:
    uint64_t task_;
    const char *type_;
};

// A label of this thread; at the end it has those again that it had before.
class label {
public:
    label(const char *key, const char *value) noexcept : before_(piko_labels_get()) { piko_label_set(key, value); }
    label(const char *key, const std::string &value) noexcept : label(key, value.c_str()) {}
    label(const label &) = delete;
    label &operator=(const label &) = delete;
    ~label() { piko_labels_restore(before_); }

private:
    uint64_t before_;
};

// The labels of the thread that makes it, to go along with work that another thread will do.
class labels {
public:
    labels() noexcept : number_(piko_labels_get()) {}
    uint64_t number() const noexcept { return number_; }

private:
    uint64_t number_;
};

// This thread has those labels, in place of its own; at the end its own again.
class with_labels {
public:
    explicit with_labels(const labels &taken) noexcept : before_(piko_labels_get()) {
        piko_labels_restore(taken.number());
    }
    with_labels(const with_labels &) = delete;
    with_labels &operator=(const with_labels &) = delete;
    ~with_labels() { piko_labels_restore(before_); }

private:
    uint64_t before_;
};

inline void log(const char *category, const char *message) noexcept {
    piko_log(0, category, message);
}
inline void log(const char *category, const std::string &message) noexcept {
    piko_log(0, category, message.c_str());
}
inline void log(const task &task, const char *category, const char *message) noexcept {
    piko_log(task.number(), category, message);
}
inline void log(const task &task, const char *category, const std::string &message) noexcept {
    piko_log(task.number(), category, message.c_str());
}

} // namespace piko

#endif
