/* The page of report.html, put together from src/report/html/ when Piko is built. */
#ifndef PIKO_REPORT_HTML_PAGE_H
#define PIKO_REPORT_HTML_PAGE_H

extern const char html_page_head[]; /* up to where its data stand, as JSON */
extern const char html_page_tail[];

#endif
