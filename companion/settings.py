"""Every setting and every default. Only this module reads the environment; `.env.example` explains each variable.

A value of the wrong type stops the start with an error. The defaults are those of production: no DEBUG, HTTPS only, and
no host is served until it is named.
"""

import logging
import os
from datetime import timedelta
from pathlib import Path

from django.conf import global_settings
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from environs import validate
from psycopg import IsolationLevel

from companion import __version__, model_server
from companion.database_url import checked_database_url
from companion.environment import (
    OPTIONAL_APPS,
    Variables,
    checked_apps,
    checked_content_parts,
    checked_cors_origins,
    checked_hosts,
    checked_key,
    checked_key_prefix,
    checked_networks,
    checked_origins,
    checked_parameters,
    checked_secret_key,
    load_dotenv,
    names_by_commas,
    require_secrets,
    secret,
)
from companion.logs import logging_config
from companion.redis_url import split_redis_url
from rate_limits.gcra import parse_rate
from resilience.database import KEEPALIVE
from resilience.database_pool import PooledConnection

BASE_DIR = Path(__file__).resolve().parent.parent
load_dotenv(BASE_DIR / ".env")
env = Variables()

require_secrets("SECRET_KEY", "DATABASE_URL")
HTTPS_ONLY = env.bool("HTTPS_ONLY", True)
SECRET_KEY = checked_secret_key(secret("SECRET_KEY"), https_only=HTTPS_ONLY)
DEBUG = env.bool("DEBUG", False)
ALLOWED_HOSTS = checked_hosts(env.text("ALLOWED_HOSTS"))
CSRF_TRUSTED_ORIGINS = checked_origins(env.text("CSRF_TRUSTED_ORIGINS"))
CORS_ALLOWED_ORIGINS = checked_cors_origins(env.text("CORS_ALLOWED_ORIGINS"))
TRUSTED_PROXIES = checked_networks(env.text("TRUSTED_PROXIES"))  # whose X-Forwarded-For counts

# ── Applications ──────────────────────────────────────────────────────────────────────────────────────────────────────
COMPANION_APPS = checked_apps(env.names("COMPANION_APPS", ",".join(OPTIONAL_APPS)))  # what is built on personalities
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "servestatic",
    "pgtrigger",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "coherence",
    "accounts",
    "personalities",
    *COMPANION_APPS,
]
MIDDLEWARE = [  # static files bypass it: see handler.py
    "companion.middleware.CacheControlMiddleware",  # sees every answer, those of other middleware too
    "companion.middleware.DatabaseDeadlineMiddleware",  # before those that query the database
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "companion.middleware.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "companion.middleware.FormLimitsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "companion.middleware.ContentSecurityPolicyMiddleware",
    "accounts.sign_in_limits.SignInLimitMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it replaces the response of the login page
]
ROOT_URLCONF = "companion.urls"
ASGI_APPLICATION = "companion.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "companion" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
STATIC_URL = "/static/"  # below the root that a proxy gives the service: see static_files.py
STORAGES = global_settings.STORAGES | {"staticfiles": {"BACKEND": "companion.static_files.BelowRoot"}}
STATICFILES_DIRS = [BASE_DIR / "companion" / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
SERVESTATIC_USE_FINDERS = True  # files are served from where they are installed, without collectstatic
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024  # bytes of a form of the admin

# ── PostgreSQL: the truth ─────────────────────────────────────────────────────────────────────────────────────────────
DATABASES = {"default": checked_database_url(secret("DATABASE_URL"))}
POOL_SIZE = env.int("DATABASE_POOL_SIZE", 10, check=validate.Range(1, 10_000))
DATABASES["default"]["OPTIONS"] = (
    KEEPALIVE
    | DATABASES["default"].get("OPTIONS", {})
    | {
        # Under ASGI any thread may answer the next request, so connections are pooled instead of kept by threads.
        "pool": {
            "min_size": min(4, POOL_SIZE),  # when Redis goes away, many threads need one at once
            "max_size": POOL_SIZE,
            "timeout": 2,  # seconds, as all below
            "reconnect_timeout": 1,  # then starts over; else pauses between attempts grow with the outage
            "connection_class": PooledConnection,
        },
        "connect_timeout": 2,
        # Said with each BEGIN: a pooler may hand a transaction to a session that we have not set up.
        "isolation_level": IsolationLevel.READ_COMMITTED,
    }
)
DATABASE_SECONDS = env.float("DATABASE_SECONDS", 5.0, check=validate.Range(0.01, 3600))
DATABASE_ADMIN_SECONDS = env.float("DATABASE_ADMIN_SECONDS", 30.0, check=validate.Range(0.01, 3600))

# ── Redis: copies of the truth ────────────────────────────────────────────────────────────────────────────────────────
REDIS_ENABLED = env.bool("REDIS_ENABLED", True)
REDIS_LOCATION, REDIS_USERNAME, REDIS_PASSWORD = split_redis_url(secret("REDIS_URL", "redis://127.0.0.1:6379/0"))
REDIS_KEY_PREFIX = checked_key_prefix(env.text("REDIS_KEY_PREFIX"))
COPY_TTL_SECONDS = env.int("PERSONALITY_CACHE_SECONDS", 86400, check=validate.Range(1, 10**9))
LOCAL_CACHE_ENTRIES = env.int("PERSONALITY_NEAR_ENTRIES", 10_000, check=validate.Range(0, 10**9))
COPY_STALE_IF_ERROR_SECONDS = env.int("PERSONALITY_STALE_IF_ERROR_SECONDS", 900, check=validate.Range(0, 10**9))
REDIS_CACHE: dict[str, object] = {
    "BACKEND": "django_redis.cache.RedisCache",
    "LOCATION": REDIS_LOCATION,
    "TIMEOUT": COPY_TTL_SECONDS,
    "KEY_PREFIX": REDIS_KEY_PREFIX,
    # Redis keys are a public contract: redis-cli shows what the documentation says, without Django's ":1:".
    "KEY_FUNCTION": "coherence.codec.plain_key",
    "OPTIONS": {
        "IGNORE_EXCEPTIONS": True,
        "SERIALIZER": "coherence.codec.TolerantJSONSerializer",
        "SOCKET_CONNECT_TIMEOUT": 0.1,  # seconds
        "SOCKET_TIMEOUT": 0.1,  # seconds
        "USERNAME": REDIS_USERNAME,
        "PASSWORD": REDIS_PASSWORD,  # not in LOCATION, which error pages would show
        "CONNECTION_POOL_CLASS": "resilience.redis_pool.BreakerPool",  # counts and logs the exceptions ignored above
        "CONNECTION_POOL_KWARGS": {
            "max_connections": 100,
            "protocol": 2,  # 3 takes four round trips to connect, each of which may time out
        },
    },
}
NO_CACHE = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
CACHES = {"default": REDIS_CACHE if REDIS_ENABLED else NO_CACHE}

# ── Rate limits ───────────────────────────────────────────────────────────────────────────────────────────────────────
user_rate = env.filled("CHAT_RATE", "30/minute")
CHAT_RATE = parse_rate(user_rate, "CHAT_RATE")  # per user
CHAT_KEY_RATE = parse_rate(env.filled("CHAT_KEY_RATE", user_rate), "CHAT_KEY_RATE")  # per API key
WEB_WORKERS = env.int("WEB_WORKERS", os.cpu_count() or 1, check=validate.Range(1, 100_000))

# ── The end of a process: see shutdown.py ─────────────────────────────────────────────────────────────────────────────
SHUTDOWN_NOTICE_SECONDS = env.float("SHUTDOWN_NOTICE_SECONDS", 5.0, check=validate.Range(0, 3600))
SHUTDOWN_GRACE_SECONDS = env.float("SHUTDOWN_GRACE_SECONDS", 25.0, check=validate.Range(0, 3600))

# ── The language model that chat talks to ─────────────────────────────────────────────────────────────────────────────
CHAT_BACKEND = env.choice("CHAT_BACKEND", "upstream", "console")
LLM_HTTP_HOSTS = model_server.checked_http_hosts(env.text("LLM_HTTP_HOSTS"))
LLM_BASE_URL = model_server.checked_url(env.text("LLM_BASE_URL"), LLM_HTTP_HOSTS)
LLM_NETWORKS = model_server.networks_to_check(LLM_BASE_URL, LLM_HTTP_HOSTS)
LLM_CA_FILE = model_server.checked_ca_file(env.text("LLM_CA_FILE"))
LLM_API_KEY = checked_key("LLM_API_KEY", secret("LLM_API_KEY", ""))
# "SECRET" keeps them out of Django's error pages.
LLM_SECRET_HEADERS = model_server.checked_headers(secret("LLM_HEADERS", ""), with_key=bool(LLM_API_KEY))
LLM_MODEL = env.text("LLM_MODEL")
if LLM_BASE_URL and not LLM_MODEL:
    raise ImproperlyConfigured("LLM_MODEL: required with LLM_BASE_URL")
LLM_MODELS = model_server.checked_models(names_by_commas(env.text("LLM_MODELS")), LLM_MODEL)
LLM_CONTENT_PARTS = checked_content_parts(env.names("LLM_CONTENT_PARTS", "text,image_url"))
LLM_CONTENT_PART_ADDRESSES = env.bool("LLM_CONTENT_PART_ADDRESSES", False)
LLM_EXTRA_PARAMETERS = checked_parameters(names_by_commas(env.text("LLM_EXTRA_PARAMETERS")))
# Servers that know one name alone for the bound of an answer ignore the other in silence.
LLM_MAX_TOKENS_PARAMETER = env.choice("LLM_MAX_TOKENS_PARAMETER", "", "max_tokens", "max_completion_tokens")
RESPONSES_REMEMBERED_MIB = env.int("RESPONSES_REMEMBERED_MIB", 16, check=validate.Range(0, 10**6))  # of a user
LLM_GREETING = env.choice("LLM_GREETING", "message", "prompt")
LLM_INSTRUCTIONS = env.choice("LLM_INSTRUCTIONS", "messages", "prompt")
LLM_CONNECT_SECONDS = env.float("LLM_CONNECT_SECONDS", 5.0, check=validate.Range(0.01, 3600))
LLM_FIRST_BYTE_SECONDS = env.float("LLM_FIRST_BYTE_SECONDS", 30.0, check=validate.Range(0.01, 3600))
LLM_IDLE_SECONDS = env.float("LLM_IDLE_SECONDS", 30.0, check=validate.Range(0.01, 3600))
LLM_TOTAL_SECONDS = env.float("LLM_TOTAL_SECONDS", 300.0, check=validate.Range(0.01, 3600))

# ── REST: closed to everybody, unless a view says otherwise ───────────────────────────────────────────────────────────
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["rest.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "rest.query_parameters.Pages",
    "DEFAULT_SCHEMA_CLASS": "rest.openapi.Operation",
    "DEFAULT_VERSIONING_CLASS": None,
    "EXCEPTION_HANDLER": "rest.problems.to_problem",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Companion",
    "DESCRIPTION": "The personality service for AI companions.",
    "VERSION": __version__,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],  # the schema is no secret
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,  # it would explain each value by itself
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "companion.openapi.complete"],
}

# ── Passwords ─────────────────────────────────────────────────────────────────────────────────────────────────────────
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
AUTHENTICATION_BACKENDS = [  # for passwords; API keys are verified by DRF's authentication class
    "accounts.sign_in_limits.AddressLimit",
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = ["accounts.sign_in_limits.PasswordHasher", *global_settings.PASSWORD_HASHERS[1:]]
SIGN_IN_RATE = parse_rate(env.filled("SIGN_IN_RATE", "60/minute"), "SIGN_IN_RATE")  # per address
# Ten guesses from one address, see docs/decisions/0008. Counted in PostgreSQL, because Redis may be away.
AXES_HANDLER = "axes.handlers.database.AxesDatabaseHandler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # so nobody can lock out a person at another address
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "accounts.login.counted_address"
AXES_USERNAME_CALLABLE = "accounts.login.attempted_username"
AXES_LOCKOUT_CALLABLE = "accounts.login.locked_out"
AXES_DISABLE_ACCESS_LOG = True  # for privacy: successful logins are not recorded
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username"]  # and the address is shown: the operator must know whom to block
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "admin:index"  # after the admin's own login; urls.py has that of the other

# ── Browsers ──────────────────────────────────────────────────────────────────────────────────────────────────────────
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS_ONLY
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^metrics$"]  # probes use plain HTTP, behind the proxy
# Browsers remember it for so long, and nobody can take it back: it begins at an hour, for this host alone.
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 3600, check=validate.Range(0, 10**9)) if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_INCLUDE_SUBDOMAINS", False)
SECURE_HSTS_PRELOAD = env.bool("HSTS_PRELOAD", False)
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # recommend the two above
if env.bool("BEHIND_HTTPS_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
SESSION_ENGINE = "accounts.login"

# ── Logs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
LOG_FORMAT = env.choice("LOG_FORMAT", "text", "json")
LOG_LEVEL = env.log_level("LOG_LEVEL", logging.INFO)
LOGGING = logging_config(LOG_FORMAT, LOG_LEVEL, COMPANION_APPS)

# ── The admin's theme ─────────────────────────────────────────────────────────────────────────────────────────────────
UNFOLD = {
    "SITE_TITLE": "Companion",
    "SITE_HEADER": "Companion",
    "SITE_SYMBOL": "psychology",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("favicon.svg")}],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_HISTORY": True,
    # Both add the pages "Playground" and "Cache", which belong to no model.
    "GLOBAL_CALLBACK": "companion.admin.links.in_sidebar",
    "DASHBOARD_CALLBACK": "companion.admin.links.on_index",
}
