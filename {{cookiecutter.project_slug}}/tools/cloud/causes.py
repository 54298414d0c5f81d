"""What the aws CLI and AWS mean by their words, and what is to be done."""

from __future__ import annotations

import re

INSTALL = "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
# What the CLI asks by itself, to sign in as the profile says.
SIGN_IN = re.compile(
    r"AssumeRole\w*|GetRoleCredentials|GetSessionToken|CreateToken|CreateOAuth2\w*"
)
# What the CLI says of an answer that is a page of the web, or empty.
FOREIGN = re.compile(
    r"<html|<!doctype|invalid XML received|^'\w+Result'$|\((Unknown)?\) when calling", re.IGNORECASE
)
# fmt: off
# Who else than the account's policies refuses something, and what is to be done.
REFUSERS = {
    r"service control policy|resource control policy":
        "a policy of your organization forbids it, whatever the account allows: ask its owners",
    r"permissions boundary":
        "the boundary of your permissions forbids it: ask whoever has set that",
    r"VPC endpoint policy":
        "the VPC endpoint that you go through forbids it: ask whoever has set its policy",
    r"session policy":
        "your session has fewer rights than its role: sign in without the policy that narrows it",
    r"explicit deny in an? (identity|resource)-based policy":
        "a policy forbids it outright, most often without MFA or from another network: sign in "
        "with MFA, or ask who wrote it",
    r"kms:\w+":
        "it takes the right {0} to the key: `make deploy ARGS=KmsKeyArn=ARN` gives it to jobs and "
        "users, and the key's own policy must let it",
}
# What the CLI or a service says → our word for it, and what is to be done.
SENTENCES = {
    r"Partial credentials found in (\w+), missing: (.+)":
        "NoCredentials: The AWS credentials are not whole ({1} lacks {2}): set all of them, or "
        "choose a profile by AWS_PROFILE or --profile.",
    r"Unable to locate credentials":
        "NoCredentials: There are no AWS credentials: run `aws configure sso` or `aws configure` "
        "once, or choose a profile by AWS_PROFILE or --profile.",
    r"config profile \((.*?)\) could not be found":
        "NoProfile: There is no such AWS profile ({1}): `aws configure list-profiles` shows those "
        "there are.",
    r"PermanentRedirect|^301$|IllegalLocationConstraint|AuthorizationHeaderMalformed":
        "OtherRegion: The bucket does not lie in the region {region}, and a job's must: name one "
        "that does (C54).",
    r"[Ss]ignature (expired|not yet current)|RequestTimeTooSkewed":
        "WrongClock: The clock of this machine is wrong by minutes, so AWS refuses its signature: "
        "set it.",
    r"Invalid header value b'AWS4":
        "InvalidCredentials: The AWS credentials end in a line break or a blank: set them again "
        "without it.",
    # Of the key, where the service that was called hands on what KMS has said.
    r"is not authorized to perform: (kms:\w+)":
        "NoKey: Whoever sends this, or the job's role, lacks the right {1} to the key: `make "
        "deploy ARGS=KmsKeyArn=ARN` gives it, and the key's own policy must let it.",
    r"CapacityError|InsufficientInstanceCapacity":
        "NoCapacity: AWS has no such instance free now: try again later, or take another "
        "--instance-type.",
    r"MultiFactorAuthentication failed|^EOF when reading a line|Enter MFA code for":
        "Mfa: AWS got no right MFA code: run `aws sts get-caller-identity` in a terminal, which "
        "asks for it, then this again.",
    r"reauthenticate using 'aws login'|session has expired or credentials have changed":
        "ExpiredToken: Your AWS session has expired: sign in again by `aws login`.",
    r"ExpiredToken|RequestExpired|[Tt]oken (.* )?(has|is) expired|SSO (session|[Tt]oken)|"
    r"Session token not found or invalid|refreshed credentials are still expired":
        "ExpiredToken: Your AWS credentials have expired: renew them, with `aws sso login` where "
        "you use SSO.",
    r"InvalidClientTokenId|InvalidToken$|UnrecognizedClient|InvalidAccessKeyId|Signature|AuthFailure":
        "InvalidCredentials: AWS does not know your credentials in the region {region} (`aws sts "
        "get-caller-identity`): they are wrong, or the account has not enabled that region.",
    r"OptInRequired|SubscriptionRequired|RegionDisabled":
        "NotEnabled: The account may not use this service of AWS yet: its owner must finish "
        "signing it up, or enable the region {region}.",
    r"suitable TLS CA certificate bundle, invalid path: (.+)":
        "NotTrusted: There is no file of certificates {1}, which AWS_CA_BUNDLE or ca_bundle of "
        "~/.aws/config names: name one that is there.",
    r"SSL validation failed":
        "NotTrusted: AWS's certificate is not trusted: behind a company's proxy, set "
        "AWS_CA_BUNDLE to the file of its certificate.",
    r"match a supported format|Invalid endpoint":
        'NoRegion: AWS can\'t be reached in the region "{region}": there is no region of that '
        "name.",
    r'Could not connect to the endpoint URL: "(https?://[^/"]+:\d+)':
        "Unreachable: Nothing answers at {1}, which AWS_ENDPOINT_URL or endpoint_url of "
        "~/.aws/config names in AWS's place: start it, or take that out.",
    # All that `aws cloudformation deploy` says then.
    r"^'Status'$":
        "NotSeen: CloudFormation does not show you what would change: ask for the right "
        "cloudformation:DescribeChangeSet.",
    r"Unable to load paramfile":
        "NoFile: The aws command does not see the files of this machine, as if it ran in a "
        f"container: install the AWS CLI v2 here ({INSTALL}).",
    r"Could not connect|[Cc]onnect(ion)? (timeout|was closed|aborted)|[Rr]ead timeout|"
    r"connect to proxy|[Ff]ailed to resolve|[Nn]ame resolution":
        'Unreachable: AWS can\'t be reached in the region "{region}": check its name, then your '
        "network and proxy (HTTPS_PROXY).",
    r"Error when retrieving credentials from .*|Unable to parse config file.*|"
    r"The source profile .*|Infinite loop in credential .*|"
    r"Missing the following required SSO .*|\[Errno 2\] No such file or directory: .*|"
    r"The source_profile .*|The credential source .*|The specified sso-session .*|"
    r"The profile .* is configured to use SSO .*|Expecting value: line .*":
        "SignIn: You can't be signed in as your profile says ({0}): look at ~/.aws/config, or "
        "take another profile.",
    r"Throttl|TooManyRequests|SlowDown|RequestLimitExceeded|Service ?Unavailable|"
    r"Internal ?(Server ?)?Error|^50[0-4]$":
        "Unreachable: AWS is busy: try again in a minute.",
}
# fmt: on
